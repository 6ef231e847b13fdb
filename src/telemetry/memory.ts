import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Log } from './log.ts';

/** Watches how much memory the process has left. */
export interface MemoryWatch {
  /** Whether so little is left that no new work should begin, and large pieces of it should not go on. */
  isShort(): boolean;
  close(): void;
}

/** Tells a client to come again when there is more memory. */
export const SHORT_OF_MEMORY = 'The gateway is short of memory; send the request again later.';

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
/** After this time, less than `SHORT` is enough for the process: it may keep what it has freed, and never fall to `ENOUGH`. */
const KEPT_MS = 10_000;
const COLLECT_MS = 1_000;
// It stops everything for about half a millisecond per megabyte that is in use: for a twentieth of the time at most.
const COLLECT_PART = 20;

const MB = 1024 * 1024;

/** V8's young generation has three semi-spaces, each of 32 MiB, or of less where there is less memory (2026-11-28). */
const YOUNG_BYTES = 3 * 32 * MB;
const YOUNG_PART = 3 / 67;

/**
 * The limit in bytes that ends the process, which is that of the old generation alone. V8 only tells the sum of both generations.
 * @param nodeFlags what Node.js was started with, of which the last one counts
 */
export function oldGenerationLimit(nodeFlags: readonly string[]): number {
  const megabytes = (name: string): number | undefined => {
    const given = nodeFlags.findLast((flag) => flag.replaceAll('_', '-').startsWith(`--${name}=`));
    return given === undefined ? undefined : Number(given.split('=')[1]);
  };
  const old = megabytes('max-old-space-size');
  if (old !== undefined) return old * MB;
  const both = getHeapStatistics().heap_size_limit;
  const semiSpace = megabytes('max-semi-space-size');
  // V8 rounds it up to a power of two.
  if (semiSpace !== undefined) return both - 3 * 2 ** Math.ceil(Math.log2(semiSpace)) * MB;
  return both - Math.min(YOUNG_BYTES, both * YOUNG_PART);
}

const oldGeneration = (): number =>
  getHeapSpaceStatistics()
    .filter(({ space_name: name }) => !name.startsWith('new_'))
    .reduce((sum, { space_used_size: used }) => sum + used, 0);

/** The memory that the process may use altogether; infinite without a container's limit, since others share the machine. */
function containerLimit(): number {
  const limit = process.constrainedMemory();
  return limit === 0 ? Infinity : limit;
}

/** What the watch sees and does: a test has another one than this process. */
interface Machine {
  readonly now: () => number;
  /** Also asks the system, which takes longer. */
  readonly lookAtProcess: () => Usage;
  readonly heap: () => Usage;
  readonly collect: () => void;
}

function thisProcess(nodeFlags: readonly string[]): Machine {
  const limit = oldGenerationLimit(nodeFlags);
  return {
    now: () => performance.now(),
    lookAtProcess: () => ({ used: process.memoryUsage.rss(), limit: containerLimit() }),
    heap: () => ({ used: oldGeneration(), limit }),
    collect: createCollector(),
  };
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
 * @param options.nodeFlags see `oldGenerationLimit`
 */
export function watchMemory({
  log,
  nodeFlags,
  machine: { now, lookAtProcess, heap, collect } = thisProcess(nodeFlags),
}: {
  readonly log: Log;
  readonly nodeFlags: readonly string[];
  readonly machine?: Machine;
}): MemoryWatch {
  // The system is asked only by the timer.
  let processUsage = lookAtProcess();
  /** The kinds of memory of this process: V8's heap, and the memory of the container or machine. */
  const kindsOfMemory = (): Readonly<Record<string, Usage>> => ({
    heap: heap(),
    process: processUsage,
  });
  let isShort = false;
  let changedAt = -Infinity;
  let collectsAt = -Infinity;
  /** The kind of memory of which too much is used. */
  const full = () =>
    Object.entries(kindsOfMemory()).find(([kind, { used, limit }]) => {
      const mayBeKept = kind === 'process' && now() - changedAt > KEPT_MS;
      return used > limit * (isShort && !mayBeKept ? ENOUGH : SHORT);
    });
  let lookedAt = 0;
  const look = (): void => {
    lookedAt = now();
    let found = full();
    if (found !== undefined && lookedAt >= collectsAt) {
      collect();
      const endedAt = now();
      collectsAt = endedAt + Math.max(COLLECT_MS, COLLECT_PART * (endedAt - lookedAt));
      processUsage = lookAtProcess();
      found = full();
    }
    const [kind, usage] = found ?? [];
    if ((usage !== undefined) === isShort) return;
    isShort = usage !== undefined;
    changedAt = lookedAt;
    if (usage === undefined) log.info('There is enough memory again; GraphQL requests are handled');
    else {
      const facts = { kind, usedMegabytes: Math.round(usage.used / MB), limitMegabytes: Math.round(usage.limit / MB) };
      log.warn(facts, 'Memory is short; GraphQL requests are refused until there is more');
    }
  };
  const sampling = setInterval(() => {
    processUsage = lookAtProcess();
    look();
  }, SAMPLE_MS).unref();
  return {
    isShort() {
      // A busy event loop may not get to the timer.
      if (now() - lookedAt > STALE_MS) look();
      return isShort;
    },
    close: () => clearInterval(sampling),
  };
}
