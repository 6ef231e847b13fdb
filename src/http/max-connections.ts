import { readdirSync, readFileSync } from 'node:fs';

/**
 * For what the gateway opens later, besides connections of clients: to MySQL and Redis, for name resolution, for files that
 * Node.js loads when they are needed.
 */
const SPARE_DESCRIPTORS = 64;

/**
 * The most connections that can be open without running out of file descriptors: then the operating system would reset new
 * connections, those to MySQL and Redis too. Infinite on systems without `/proc`.
 * @param others how many descriptors the connections to other servers need
 */
export function maxConnections(others: number): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    const open = readdirSync('/proc/self/fd').length;
    return limit === undefined ? Infinity : Math.max(1, Number(limit) - open - others - SPARE_DESCRIPTORS);
  } catch {
    return Infinity;
  }
}
