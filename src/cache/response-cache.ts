import { hash, randomUUID } from 'node:crypto';
import { Cluster, type Redis } from 'ioredis';
import type { CacheSuspensions } from '../db/cache-suspensions.ts';
import { createInvalidationLog, type InvalidationLog } from './invalidation-log.ts';
import { ALL_TAGS, type LogPosition } from './known-entries.ts';
import { createLookups, type CacheKey, type CachePolicy, type Lookup, type LookupOptions } from './lookups.ts';
import { createNear, type Near } from './near.ts';
import { createNearAcks } from './near-acks.ts';
import { createNearLease } from './near-lease.ts';
import { createNearNotices, type NearNoticesOptions } from './near-notices.ts';
import { createNearRegistry, isAlone, type Registered } from './near-registry.ts';
import { Patience } from './patience.ts';
import { createPending } from './pending.ts';
import type { BoundedRedis } from './redis.ts';
import { provesNothing } from './redis-state.ts';
import { CHECK_MS, createStanding, leaseMs } from './standing.ts';
import { createSuspensions } from './suspensions.ts';
import { STORED_FORMAT, type PlacedResponse } from './stored-response.ts';

/** Responses to queries, kept in Redis and shared by every instance of the gateway. */
export interface ResponseCache {
  /**
   * @param options.refresh ignores what is stored and replaces it
   * @param options.maxAgeSeconds likewise ignores what is older; unless it is infinite, nothing is used after its lifetime either
   */
  lookup(key: CacheKey, policy: CachePolicy, options: LookupOptions): Promise<Lookup>;
  /**
   * Whether a look-up that has ended may use a response: nothing that it shows was changed by a write known to that look-up.
   * @param position how far that look-up has read; later writes do not matter to it then, if the response is not older than it
   */
  isFresh(response: PlacedResponse, position?: LogPosition): boolean;
  /** The key in Redis. */
  nameOf(key: CacheKey): string;
  /**
   * Invalidates every cached response with one of the tags. Resolves when that is done, or when no other gateway uses cached
   * responses any more: for Redis has refused it or was down for so long, and the database has told them.
   */
  invalidate(tags: readonly string[]): Promise<void>;
  /** Responses in memory, to be asked before `lookup`. Undefined when none are kept. */
  readonly near: Near | undefined;
  /** Gives up invalidations that Redis has not been told yet. */
  close(): Promise<void>;
}

interface ResponseCacheOptions extends NearNoticesOptions {
  /** How long a response is used after its lifetime: see `Lookup`, `Missing.last`. */
  readonly staleWhileRevalidateSeconds: number;
  readonly staleIfErrorSeconds: number;
  /** How much is kept in memory; 0 for nothing. */
  readonly nearBytes: number;
  /** Whether other gateways may use the same Redis. */
  readonly isShared: boolean;
  /** How other gateways learn without Redis that this one cannot tell of what it has written; undefined if there are none. */
  readonly suspensions?: CacheSuspensions | undefined;
  /** Part of each key, so that responses of another schema are not found. */
  readonly schemaHash: string;
}

/**
 * Each cached response has the tags of everything that it shows, and the position in the invalidation log from before its
 * execution began. It is fresh while none of its tags was appended since; each look-up reads the log to its end first. So a write
 * costs one command, however many responses it invalidates, and a response that was being computed meanwhile is stored as stale.
 *
 * A look-up is believed only if Redis would have accepted an invalidation right then. If this gateway may have missed a period in
 * which Redis did not, it first invalidates everything stored until then, for itself (`standing.ts`).
 *
 * Uses single-key commands only, so it also works with a cluster.
 */
export function createResponseCache(options: ResponseCacheOptions): ResponseCache {
  const { redis, prefix, schemaHash, metrics } = options;
  const keyedHash = hash('sha256', `${STORED_FORMAT}\n${schemaHash}`, 'base64url');
  const refusalMs = leaseMs(options.timeoutMs);
  let lapses = 0;
  /** Lapses that Redis is being told of for the first time. */
  let lapsing = 0;
  const standing = createStanding(refusalMs, () => {
    lapses += 1;
    lapsing += 1;
    void pending.send([log.ownTag]).finally(() => (lapsing -= 1));
  });
  const log = createInvalidationLog({ prefix, onWritable: (askedMs) => standing.confirm(askedMs) });
  const redisKey = ({ request, access }: CacheKey) => `${prefix}response:${keyedHash}:${request}:${access}`;
  const pending = createPendingTags({ redis, log, readRegistry: (client) => readRegistry(client) });

  /** In a single `run`, so that the whole look-up stays within a request's time limit for Redis. */
  const read = (name: string) =>
    redis.run('lookup', async (client) => {
      const [stored, position] = await Promise.all([client.getBuffer(name), log.catchUp(client)]);
      return { stored, position };
    });

  /**
   * Whether Redis may not know of a write whose mutation was answered, so that cached responses may be stale. One that it is being
   * told of is not answered yet, and does not matter to those who ask meanwhile.
   */
  const isBehind = (): boolean => lapsing > 0 || pending.hasFailed();

  const disbelief = (): Lookup => ({
    result: 'BYPASS',
    reason: 'redis',
    because: pending.hasFailed() ? 'a write is not told yet' : 'a write may have been missed',
  });

  const lookupOf = createLookups({ ...options, log });
  const id = randomUUID();
  const suspensions = createSuspensions(options, { id, pending, settled: () => acks.settled() });
  const { near, acks, readRegistry, ...nearParts } = createNearParts(options, {
    id,
    invalidations: log,
    isBehind: () => isBehind() || suspensions.isFree() !== true,
  });
  const checking = setInterval(() => {
    // Also without look-ups, so that what another server has missed is found, and other gateways are told, as soon as it is used.
    void redis.run('check', (client) => log.catchUp(client));
    void nearParts.check();
    void suspensions.endIfTold();
  }, CHECK_MS).unref();

  return {
    async lookup(key, policy, given) {
      if (isBehind()) return disbelief();
      const name = redisKey(key);
      // Before the log is read: once there is no suspension, everything is in the log.
      if (!(await suspensions.untilKnown()))
        return { result: 'BYPASS', reason: 'redis', because: 'another gateway cannot tell of its writes' };
      const lapsesBefore = lapses;
      const { patience = new Patience(options.timeoutMs) } = given;
      const found = await patience.wait(() => read(name));
      // After a lapse, this may have read the log before it was told of that, and both replies may have come at once.
      if (found === undefined) return { result: 'BYPASS', reason: 'redis', because: 'no answer' };
      if (isBehind() || lapses !== lapsesBefore) return disbelief();
      return lookupOf({ name, ...found, patience }, policy, given);
    },
    isFresh({ position, tags }, asked) {
      if (isBehind()) return false;
      return (asked !== undefined && log.reaches(position, asked)) || log.staleness(position, tags) === undefined;
    },
    nameOf: redisKey,
    async invalidate(tags) {
      if (tags.length === 0) return;
      const sent = await pending.send(tags);
      if (!options.isShared) return;
      if (sent === undefined) {
        metrics.heldWrites.inc();
        // Most failures are over with the first retry, and are nothing to other gateways.
        if (!(await pending.sentOrFailingFor(0))) {
          const suspended = suspensions.begin();
          // Otherwise nobody could renew a lease meanwhile.
          if (!(await pending.sentOrFailingFor(refusalMs))) return suspended;
        }
      }
      if (!isAlone(sent?.registered)) await acks.settled();
    },
    near,
    async close() {
      clearInterval(checking);
      pending.close();
      await suspensions.close();
      await nearParts.close();
    },
  };
}

/** What Redis is not told yet. Whoever may answer from memory is read in the round trip that tells it. */
function createPendingTags({
  redis,
  log,
  readRegistry,
}: {
  readonly redis: BoundedRedis;
  readonly log: InvalidationLog;
  readonly readRegistry: (client: Redis | Cluster) => Promise<Registered | undefined>;
}) {
  const attempt = (tags: readonly string[]) =>
    redis.run('invalidate', async (client) => {
      let registered: Promise<Registered | undefined> | undefined;
      const isAppended = await log.append(client, tags, () => {
        registered = readRegistry(client);
      });
      return { registered: isAppended ? await registered : undefined };
    });
  return createPending(attempt, ALL_TAGS);
}

/** The responses in the memory of this gateway, and what keeps those of others from being answered after a write. */
function createNearParts(
  options: ResponseCacheOptions,
  {
    id,
    invalidations,
    isBehind,
  }: { readonly id: string; readonly invalidations: InvalidationLog; readonly isBehind: () => boolean },
) {
  const { redis, prefix, nearBytes, isShared, metrics } = options;
  const registry = createNearRegistry({ prefix, id, log: invalidations });
  const notices = createNearNotices(options, {
    id,
    invalidations,
    onHeard: (write, holder) => acks.heard(write, holder),
  });
  const acks = createNearAcks({ redis, registry, notices, metrics });
  const lease = createNearLease({ redis, registry, log: invalidations });
  const near =
    nearBytes === 0 ? undefined : createNear({ maxBytes: nearBytes, log: invalidations, lease, isBehind, metrics });
  if (near !== undefined) metrics.nearBytes(() => near.bytes());
  return {
    near,
    acks,
    /**
     * Reads the registry after whatever was sent before, on the same connection. Undefined for a cluster, in which commands go to
     * several servers, when it is not known since when the registry exists, or when Redis refuses.
     */
    readRegistry: async (client: Redis | Cluster): Promise<Registered | undefined> => {
      if (!isShared || client instanceof Cluster || !registry.isKnown()) return undefined;
      return registry.read(client).catch(() => undefined);
    },
    /** Finds out how long the registry exists, and begins to listen, so that the first write need not wait for either. */
    async check(): Promise<void> {
      if (!isShared || registry.isKnown()) return;
      const found = await redis.run('near', (client) => registry.read(client), provesNothing);
      if (found !== undefined) notices.open();
    },
    async close(): Promise<void> {
      notices.close();
      await lease.close();
    },
  };
}
