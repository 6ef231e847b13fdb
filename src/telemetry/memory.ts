import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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
const SHORT = 0.85;
const ENOUGH = 0.75;
// It stops everything for about half a millisecond per megabyte that is in use.
const COLLECT_MS = 1_000;

const MB = 1024 * 1024;

/** The kinds of memory of this process: V8's heap, and the memory of the container or machine. */
const kindsOfMemory = (): Readonly<Record<string, Usage>> => ({
  heap: { used: oldGeneration(), limit: OLD_GENERATION_LIMIT },
  process: { used: process.memoryUsage.rss(), limit: containerLimit() },
});

/**
 * The limit that ends the process is that of the old generation (`--max-old-space-size`). V8 only tells the sum of both: the young
 * one has three semi-spaces of 32 MiB each.
 */
const OLD_GENERATION_LIMIT = Math.max(0, getHeapStatistics().heap_size_limit - 3 * 32 * MB);

const oldGeneration = (): number =>
  getHeapSpaceStatistics()
    .filter(({ space_name: name }) => !name.startsWith('new_'))
    .reduce((sum, { space_used_size: used }) => sum + used, 0);

/** The memory that the process may use altogether; infinite without a container's limit, since others share the machine. */
function containerLimit(): number {
  const limit = process.constrainedMemory();
  return limit === 0 ? Infinity : limit;
}

/** V8 offers this only when asked to, at any time. */
function createCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  return collect;
}

/**
 * Watches the memory of this process. Once most of it is used, V8 does hardly anything but collect garbage, and then ends the
 * process: so work must be refused before. V8 may not collect garbage for a long time if there is no work, so this has it
 * done, before and while memory is short.
 */
export function watchMemory({ log }: { readonly log: Log }): MemoryWatch {
  const collect = createCollector();
  let isShort = false;
  let collectedMs = -Infinity;
  /** The kind of memory of which too much is used. */
  const full = () =>
    Object.entries(kindsOfMemory()).find(([, { used, limit }]) => used > limit * (isShort ? ENOUGH : SHORT));
  let lookedAt = 0;
  const look = (): void => {
    lookedAt = performance.now();
    if (full() !== undefined && performance.now() - collectedMs >= COLLECT_MS) {
      collect();
      collectedMs = performance.now();
    }
    const [kind, usage] = full() ?? [];
    if ((usage !== undefined) === isShort) return;
    isShort = usage !== undefined;
    if (usage === undefined) log.info('There is enough memory again; GraphQL requests are handled');
    else {
      const facts = { kind, usedMegabytes: Math.round(usage.used / MB), limitMegabytes: Math.round(usage.limit / MB) };
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
