import { PerformanceObserver } from 'node:perf_hooks';
import { createLineLimit } from './line-limit.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

/** What a request can hold the event loop with. */
export type Stage = 'prepare' | 'parse' | 'validate' | 'execute' | 'serialise';

/** A piece of work without a pause, for the log: which operation it was for. */
export interface Work {
  readonly stage: Stage;
  /** Called only for work that took long. */
  readonly about: () => { readonly document: string | undefined; readonly operation: string | undefined };
}

/** Nobody notices shorter ones. */
const STALL_MS = 100;
const TICK_MS = 20;
/** Garbage collections are reported to us after the stall that they caused. */
const GC_REPORT_MS = 50;

/** The longest piece of work since the last tick. The process has one event loop, so all of its gateways share this. */
let longest: { readonly work: Work; readonly ms: number } | undefined;

/**
 * Notes that a piece of work has ended, in case it held up the event loop.
 * @param startedAt by `performance.now()`
 */
export function noteWork(work: Work, startedAt: number): void {
  note(work, performance.now() - startedAt);
}

function note(work: Work, ms: number): void {
  if (ms > TICK_MS && ms > (longest?.ms ?? 0)) longest = { work, ms };
}

/** What the pieces have taken that were noted within the present one. */
let innerMs = 0;

/** Does a piece of work, and notes it, without the pieces in it that are noted by themselves. */
export function noted<Result>(work: Work, run: () => Result): Result {
  const [startedAt, before] = [performance.now(), innerMs];
  innerMs = 0;
  try {
    return run();
  } finally {
    const ms = performance.now() - startedAt;
    note(work, ms - innerMs);
    innerMs = before + ms;
  }
}

/** A time in which the event loop served nobody. */
interface Stall {
  readonly from: number;
  readonly to: number;
  /** The longest piece of work that ended in it. */
  readonly longest: typeof longest;
}

/**
 * Notices when the event loop is held up, counts it by its cause, and logs which operation it was.
 * @returns a function that stops this
 */
export function watchStalls({ log, metrics }: { readonly log: Log; readonly metrics: Pick<Metrics, 'stalls'> }) {
  const collections = watchCollections();
  const logLine = createLineLimit();
  const report = (stall: Stall): void => {
    const ms = stall.to - stall.from;
    const isLargePart = (part: number) => part > ms / 2;
    const found = stall.longest !== undefined && isLargePart(stall.longest.ms) ? stall.longest : undefined;
    const cause = isLargePart(collections.msWithin(stall)) ? 'garbage collection' : (found?.work.stage ?? 'unknown');
    metrics.stalls.observe({ cause }, ms / 1_000);
    logLine((leftOut) => {
      const facts = { ms: Math.round(ms), cause, ...(found && { stage: found.work.stage, ...found.work.about() }) };
      log.warn({ ...facts, leftOut }, 'The event loop was held up; meanwhile nobody was served');
    });
  };
  let last = performance.now();
  const timer = setInterval(() => {
    const [from, to] = [last, performance.now()];
    last = to;
    const stall = { from, to, longest };
    longest = undefined;
    if (to - from >= STALL_MS + TICK_MS) setTimeout(report, GC_REPORT_MS, stall).unref();
  }, TICK_MS).unref();
  return (): void => {
    clearInterval(timer);
    collections.close();
  };
}

/** Watches V8's garbage collections of the last seconds. */
function watchCollections() {
  const KEPT = 200;
  let recent: { readonly from: number; readonly to: number }[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      if (duration >= 1) recent.push({ from: startTime, to: startTime + duration });
    if (recent.length > KEPT) recent = recent.slice(-KEPT / 2);
  });
  observer.observe({ entryTypes: ['gc'] });
  return {
    msWithin: ({ from, to }: { readonly from: number; readonly to: number }): number =>
      recent.reduce((sum, gc) => sum + Math.max(0, Math.min(gc.to, to) - Math.max(gc.from, from)), 0),
    close: () => observer.disconnect(),
  };
}
