import type { CacheSuspension, CacheSuspensions } from '../db/cache-suspensions.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { ALL_TAGS } from './known-entries.ts';
import { createOtherSuspensions } from './other-suspensions.ts';
import { createOwnSuspension } from './own-suspension.ts';
import type { createPending } from './pending.ts';

interface SuspensionsOptions {
  /** Undefined if there are no other gateways. */
  readonly suspensions?: CacheSuspensions | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
}

interface Telling {
  /** Of this gateway. */
  readonly id: string;
  /** What Redis is not told yet. */
  readonly pending: Pick<ReturnType<typeof createPending>, 'send' | 'hasFailed' | 'failures'>;
  /** Resolves when no gateway answers from its memory without having read what is in the log now. */
  readonly settled: () => Promise<void>;
}

/** Who may use cached responses, as far as that does not depend on Redis. */
interface Suspensions {
  /** Whether this gateway may; undefined when that was not looked for lately. */
  isFree(): boolean | undefined;
  /** Whether it may, after looking for that if need be. */
  untilKnown(): Promise<boolean>;
  /** Resolves when no other gateway uses cached responses, or when the database could not be told for long. */
  begin(): Promise<void>;
  /** Ends the suspension by this gateway, if Redis was told of everything. */
  endIfTold(): Promise<void>;
  close(): Promise<void>;
}

const NONE: Suspensions = {
  isFree: () => true,
  untilKnown: async () => true,
  begin: async () => undefined,
  endIfTold: async () => undefined,
  close: async () => undefined,
};

/**
 * A gateway that cannot tell Redis of its writes suspends the use of cached responses by all others, through the database, which it
 * has just written to: a row there, which they look for several times a second. A mutation is answered when all have looked; those
 * that follow wait for nothing.
 *
 * Once Redis was told, and who answers from memory has read of it, the row is removed. The row of a gateway that has ended is
 * removed by another one, after it has made stale whatever is stored.
 */
export function createSuspensions({ suspensions, ...options }: SuspensionsOptions, telling: Telling): Suspensions {
  if (suspensions === undefined) return NONE;
  const { id, pending, settled } = telling;
  const own = createOwnSuspension({ ...options, suspensions, id });
  let isEnding = false;
  const whileNoOther = async (work: () => Promise<void>): Promise<void> => {
    if (isEnding) return;
    isEnding = true;
    try {
      await work();
    } finally {
      isEnding = false;
    }
  };
  const removeAbandoned = (abandoned: CacheSuspension) =>
    whileNoOther(async () => {
      if ((await pending.send([ALL_TAGS])) === undefined) return;
      await settled();
      // Otherwise it is still there when this gateway looks again.
      await suspensions.removeAbandoned(abandoned).catch(() => undefined);
    });
  const others = createOtherSuspensions(
    { suspensions, id },
    {
      onAbandoned: (abandoned) => void removeAbandoned(abandoned),
      warn: (error) =>
        options.log.warn({ err: error }, 'whether other gateways have suspended the cache cannot be read'),
    },
  );
  return {
    isFree() {
      const isSuspended = others.isSuspended();
      return isSuspended === undefined ? undefined : !isSuspended;
    },
    untilKnown: async () => !(await others.look()),
    begin: () => own.begin(),
    async endIfTold() {
      if (!own.isBegun() || pending.hasFailed()) return;
      await whileNoOther(async () => {
        const failures = pending.failures();
        await settled();
        // A write that failed meanwhile may be answered already, because of this suspension.
        if (!pending.hasFailed() && pending.failures() === failures) await own.end();
      });
    },
    async close() {
      others.close();
      await own.close();
    },
  };
}
