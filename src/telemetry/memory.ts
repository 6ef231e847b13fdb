import { getHeapStatistics } from 'node:v8';
import type { Log } from './log.ts';

/** Watches how much memory the process has left. */
export interface MemoryWatch {
  /** Whether so little is left that no new work should begin, and large pieces of it should not go on. */
  isShort(): boolean;
  close(): void;
}

/** What is used of a kind of memory, and its limit, in bytes. */
interface Usage {
  readonly used: number;
  readonly limit: number;
}

const SAMPLE_MS = 100;
/** Looking takes some microseconds. */
const STALE_MS = 5;
// Garbage counts as used until V8 collects it, which it does well before this part of the heap is used.
const SHORT = 0.85;
const ENOUGH = 0.75;

const MB = 1024 * 1024;

/** The kinds of memory of this process: V8's heap, and the memory of the container or machine. */
const kindsOfMemory = (): Readonly<Record<string, Usage>> => {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  return { heap: { used, limit }, process: { used: process.memoryUsage.rss(), limit: containerLimit() } };
};

/** The memory that the process may use altogether; infinite without a container's limit, since others share the machine. */
function containerLimit(): number {
  const limit = process.constrainedMemory();
  return limit === 0 ? Infinity : limit;
}

/**
 * Watches the memory of this process. Once most of it is used, V8 does hardly anything but collect garbage, and then ends the
 * process: so work must be refused before.
 */
export function watchMemory({ log }: { readonly log: Log }): MemoryWatch {
  let isShort = false;
  let lookedAt = 0;
  const look = (): void => {
    lookedAt = performance.now();
    const full = Object.entries(kindsOfMemory()).find(
      ([, { used, limit }]) => used > limit * (isShort ? ENOUGH : SHORT),
    );
    if ((full !== undefined) === isShort) return;
    isShort = full !== undefined;
    if (full === undefined) log.info('There is enough memory again; requests are handled');
    else {
      const [kind, { used, limit }] = full;
      const facts = { kind, usedMegabytes: Math.round(used / MB), limitMegabytes: Math.round(limit / MB) };
      log.warn(facts, 'Memory is short; GraphQL requests are refused until there is more');
    }
  };
  const sampling = setInterval(look, SAMPLE_MS).unref();
  return {
    isShort() {
      // A busy event loop may not get to the timer.
      if (performance.now() - lookedAt > STALE_MS) look();
      return isShort;
    },
    close: () => clearInterval(sampling),
  };
}
