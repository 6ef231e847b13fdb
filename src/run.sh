#!/bin/sh
# Runs a command of the gateway on the Node.js that comes with the packages. Before they are installed there is only the
# machine's own, which may not run TypeScript, and would say so in a stack trace.
if [ ! -d node_modules/commander ]; then
  echo 'The packages are not installed yet. Run this first: npm ci' >&2
  exit 78
fi

# Where memory is limited (a container, a systemd unit with MemoryMax), most of it is for the heap, and the rest for buffers and
# code, which are outside of it. On a whole machine, V8's own choice is good. NODE_OPTIONS decides if it says anything about the heap.
heap=''
cgroup=${CGROUP_ROOT:-/sys/fs/cgroup}
# Of version 2, then of version 1. A container sees only its own group, as the root of all.
of_process() { sed -n "s/^[0-9]*:$1://p" "${CGROUP_FILE:-/proc/self/cgroup}" 2>/dev/null; }
limit=$(cat "$cgroup$(of_process '')/memory.max" "$cgroup/memory$(of_process memory)/memory.limit_in_bytes" \
  "$cgroup/memory.max" "$cgroup/memory/memory.limit_in_bytes" 2>/dev/null | head -n 1)
case "$limit:${NODE_OPTIONS:-}" in
  :* | max:* | 922337203685477*:* | *max[-_]old[-_]space[-_]size*) ;;
  *) heap=--max-old-space-size=$((limit / 1024 / 1024 * 6 / 10)) ;;
esac
# shellcheck disable=SC2086 -- without a limit, it must not become an empty argument
exec node $heap src/main.ts "$@"
