import type { Metrics } from '../telemetry/metrics.ts';
import type { NearNotices } from './near-notices.ts';
import { NEAR_WAIT_MS, type NearRegistry } from './near-registry.ts';
import { pauseUntil } from './pause-until.ts';
import type { BoundedRedis } from './redis.ts';
import { provesNothing } from './redis-state.ts';

/** Waits for other gateways before a mutation is answered. */
export interface NearAcks {
  /**
   * Resolves when no other gateway answers from its memory without having read what is in the log now: within milliseconds, or
   * after `NEAR_WAIT_MS`.
   */
  settled(): Promise<void>;
  /** Another gateway has read of a write. */
  heard(write: string, holder: string): void;
}

interface NearAcksOptions {
  readonly redis: BoundedRedis;
  readonly registry: NearRegistry;
  readonly notices: NearNotices;
  readonly metrics: Pick<Metrics, 'nearWaits'>;
}

interface Waiting {
  readonly holders: Map<string, string>;
  readonly done: () => void;
}

export function createNearAcks({ redis, registry, notices, metrics }: NearAcksOptions): NearAcks {
  /** By write. */
  const waiting = new Map<string, Waiting>();
  let writes = 0;

  /** Resolves with those that have not acknowledged until the time is over. */
  const acknowledged = async (
    given: ReadonlyMap<string, string>,
    untilMs: number,
  ): Promise<ReadonlyMap<string, string>> => {
    writes += 1;
    const write = String(writes);
    const holders = new Map(given);
    const { promise, resolve: done } = Promise.withResolvers<void>();
    const ended = new AbortController();
    waiting.set(write, { holders, done });
    notices.tell(write);
    await Promise.race([promise, pauseUntil(untilMs, ended.signal)]);
    ended.abort();
    waiting.delete(write);
    return holders;
  };

  const wait = async (): Promise<void> => {
    const found = await redis.run('near', (client) => registry.read(client), provesNothing);
    const endMs = performance.now() + NEAR_WAIT_MS;
    if (found === undefined) {
      metrics.nearWaits.inc({ outcome: 'unknown' });
      return pauseUntil(endMs);
    }
    const { holders, unknownUntilMs } = found;
    const isUnknown = performance.now() < unknownUntilMs;
    if (holders.size > 0) {
      const silent = await acknowledged(holders, endMs);
      metrics.nearWaits.inc({ outcome: silent.size === 0 ? 'acknowledged' : 'ended' });
      for (const [holder, renewal] of silent)
        void redis.run('near', (client) => registry.removeEnded(client, holder, renewal), provesNothing);
    }
    if (!isUnknown) return undefined;
    metrics.nearWaits.inc({ outcome: 'unknown' });
    return pauseUntil(unknownUntilMs);
  };

  let next: Promise<void> | undefined;
  return {
    // Writes of one turn of the event loop are in the log by now, all of them.
    settled() {
      next ??= new Promise((resolve) => {
        setImmediate(() => {
          next = undefined;
          resolve(wait());
        });
      });
      return next;
    },
    heard(write, holder) {
      const found = waiting.get(write);
      if (found?.holders.delete(holder) === true && found.holders.size === 0) found.done();
    },
  };
}
