import { LRUCache } from 'lru-cache';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Representation } from '../representation.ts';
import type { CachedResponse, CacheKey } from './lookups.ts';
import type { InvalidationLog } from './invalidation-log.ts';
import type { NearLease } from './near-lease.ts';

/** A response as it is sent. */
export interface NearResponse {
  readonly representation: Representation;
  /** The lifetime of responses to this query, in seconds: more than that of this one, which is spread. */
  readonly maxAgeSeconds: number;
  /** Where it is stored. */
  readonly stored: CacheKey;
}

export interface NearFound extends NearResponse {
  readonly ageSeconds: number;
}

/** Responses in the memory of this gateway, by what was requested. */
export interface Near {
  /** Undefined if there is none, or if a write may have changed it. */
  find(key: string): NearFound | undefined;
  /** Keeps a response that was found in Redis. */
  keep(key: string, found: CachedResponse, response: NearResponse): void;
  bytes(): number;
}

interface Entry extends NearResponse {
  readonly computedAtMs: number;
  readonly lifetimeMs: number;
  /** When it was computed by `performance.now()`, which nobody sets back. It may stand still while the machine is suspended. */
  readonly computedAtMonotonicMs: number;
  /** With blanks between them: a response may have hundreds. */
  readonly tags: string;
  /** Where the log of writes ended when it was last found fresh, so that nothing is compared while nothing is written. */
  position: string;
}

/** What an entry takes besides its key, tags and bytes. */
const ENTRY_BYTES = 500;

interface NearOptions {
  readonly maxBytes: number;
  readonly log: InvalidationLog;
  readonly lease: NearLease;
  /** Whether a write may have been answered that the log does not have. */
  readonly isBehind: () => boolean;
  readonly metrics: Pick<Metrics, 'nearEvictions' | 'nearMisses'>;
}

/**
 * The least recently used responses are dropped when all of them take more than `maxBytes`. What is found here is as fresh as what
 * a look-up in Redis would find: see `NearLease`.
 */
export function createNear({ maxBytes, log, lease, isBehind, metrics }: NearOptions): Near {
  const entries = new LRUCache<string, Entry>({
    maxSize: maxBytes,
    sizeCalculation: ({ tags, representation }, key) =>
      ENTRY_BYTES + 2 * key.length + tags.length + representation.bytes.length,
    dispose(_entry, _key, reason) {
      if (reason === 'evict') metrics.nearEvictions.inc({ reason: 'size' });
    },
  });
  // Looking up a label by its value costs more than incrementing it.
  const misses = {
    absent: metrics.nearMisses.labels('absent'),
    unsure: metrics.nearMisses.labels('unsure'),
    expired: metrics.nearMisses.labels('expired'),
    invalidated: metrics.nearMisses.labels('invalidated'),
  } as const;
  const miss = (reason: keyof typeof misses): undefined => {
    misses[reason].inc();
  };
  return {
    find(key) {
      const entry = entries.get(key);
      if (entry === undefined) return miss('absent');
      lease.use();
      if (!lease.isHeld() || isBehind() || !log.isCaughtUp()) return miss('unsure');
      const ageMs = Math.max(performance.now() - entry.computedAtMonotonicMs, Date.now() - entry.computedAtMs);
      const isExpired = ageMs >= entry.lifetimeMs;
      if (isExpired || log.staleness(entry.position, () => entry.tags.split(' ')) !== undefined) {
        const reason = isExpired ? 'expired' : 'invalidated';
        entries.delete(key);
        metrics.nearEvictions.inc({ reason });
        return miss(reason);
      }
      entry.position = log.newest() ?? entry.position;
      const { representation, maxAgeSeconds, stored } = entry;
      return { representation, maxAgeSeconds, stored, ageSeconds: Math.floor(ageMs / 1_000) };
    },
    keep(key, { computedAtMs, lifetimeMs, position, tags }, { representation, ...response }) {
      // Copied, since a reply of Redis is part of what its connection has read at once, which would stay in memory.
      const bytes = Buffer.from(representation.bytes);
      // Another gateway's clock may be ahead: then its responses would have their lifetime only once this one has caught up.
      const ageMs = Math.max(0, Date.now() - computedAtMs);
      const times = { computedAtMs: Date.now() - ageMs, computedAtMonotonicMs: performance.now() - ageMs, lifetimeMs };
      const about = { ...times, position, tags: tags().join(' ') };
      entries.set(key, { ...about, ...response, representation: { ...representation, bytes } });
      lease.use();
    },
    bytes: () => entries.calculatedSize,
  };
}
