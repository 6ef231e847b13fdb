#!/bin/sh
# Runs a command of the gateway on the Node.js that comes with the packages. Before they are installed there is only the
# machine's own, which may not run TypeScript, and would say so in a stack trace.
if [ ! -d node_modules/commander ]; then
  echo 'The packages are not installed yet. Run this first: npm ci' >&2
  exit 78
fi
exec node src/main.ts "$@"
