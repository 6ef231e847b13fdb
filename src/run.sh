#!/bin/sh
# Runs a command of the gateway on the Node.js that comes with the packages. Before they are installed there is only the
# machine's own, which may not run TypeScript, and would say so in a stack trace.
if [ ! -d node_modules/commander ]; then
  echo 'The packages are not installed yet. Run this first: npm ci' >&2
  exit 78
fi
# With NODE_ENV=production, npm leaves out Node.js itself and what generates Prisma's client.
if [ ! -d src/generated/prisma ]; then
  echo 'The packages are installed, but nothing is generated from them. Run this first, without NODE_ENV=production: npm ci' >&2
  exit 78
fi

# Where memory is limited (a container, a systemd unit with MemoryMax), most of it is for the heap, and the rest for buffers and
# code, which are outside of it. On a whole machine, V8's own choice is good. NODE_OPTIONS decides if it says anything about the heap.
heap=''
cgroup=${CGROUP_ROOT:-/sys/fs/cgroup}
# The least of the process's group and of all groups around it counts; a container sees its own as the root of all.
# limits_in HIERARCHY FILE: what the files say, for version 2 ('') and for version 1 (memory).
limits_in() {
  group=$(sed -n "s/^[0-9]*:$1://p" "${CGROUP_FILE:-/proc/self/cgroup}" 2>/dev/null)
  while cat "$cgroup${1:+/$1}$group/$2" 2>/dev/null || true; [ -n "$group" ]; do group=${group%/*}; done
}
limit=$({ limits_in '' memory.max; limits_in memory memory.limit_in_bytes; } | grep '^[0-9]' | sort -n | head -n 1)
case "$limit:${NODE_OPTIONS:-}" in
  :* | 922337203685477*:* | *max[-_]old[-_]space[-_]size*) ;;
  *) heap=--max-old-space-size=$((limit / 1024 / 1024 * 6 / 10)) ;;
esac
# shellcheck disable=SC2086 -- without a limit, it must not become an empty argument
exec node $heap src/main.ts "$@"
