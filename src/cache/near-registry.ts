import { randomUUID } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import type { InvalidationLog } from './invalidation-log.ts';

/** How long a gateway may answer from its memory after it began to renew its lease. */
export const NEAR_LEASE_MS = 500;
/** When any lease has ended that somebody held: longer than a lease, since the clocks of two machines run at different speeds. */
export const NEAR_WAIT_MS = 550;

/** The field that says which registry this is. No gateway has this id. */
const MADE = 'made';
const LIFETIME_SECONDS = 7 * 24 * 3_600;

/** Deletes a field that still has this value. */
const DELETE = `
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then return redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0`;

export interface Registered {
  /** By gateway, its latest renewal. */
  readonly holders: ReadonlyMap<string, string>;
  /** Until when, by `performance.now()`, gateways may hold leases that are not registered here, because a registry was lost. */
  readonly unknownUntilMs: number;
}

/** Which gateways may answer from their memory. */
export interface NearRegistry {
  /** Renews the entry of this gateway. */
  renew(client: Redis | Cluster): Promise<void>;
  remove(client: Redis | Cluster): Promise<void>;
  /** Removes the entry of another gateway, unless it was renewed since it was read. */
  removeEnded(client: Redis | Cluster, holder: string, renewal: string): Promise<void>;
  /** All other gateways with an entry. */
  read(client: Redis | Cluster): Promise<Registered>;
  /** Whether this has been read, so that it is known how long it exists. */
  isKnown(): boolean;
}

/**
 * One hash in Redis. It has no times, since clocks differ and jump: whoever reads an entry waits for as long as a lease, by the own
 * clock. A registry that Redis has lost, or that it has not got from an earlier primary, is told by its name or its server, and one
 * of a server that is used again, after another one, by what has become of the log: then leases exist that nobody knows of, for as
 * long as a lease.
 */
export function createNearRegistry({ prefix, id, log }: { prefix: string; id: string; log: InvalidationLog }) {
  const key = `${prefix}near`;
  let renewals = 0;
  let known: { readonly name: string; readonly losses: number; readonly sinceMs: number } | undefined;
  const readFields = async (client: Redis | Cluster): Promise<Record<string, string>> => {
    const fields = await client.hgetall(key);
    if (fields[MADE] !== undefined) return fields;
    await Promise.all([client.hsetnx(key, MADE, randomUUID()), client.expire(key, LIFETIME_SECONDS)]);
    return client.hgetall(key);
  };
  const registry: NearRegistry = {
    async renew(client) {
      renewals += 1;
      await Promise.all([client.hset(key, id, renewals), client.expire(key, LIFETIME_SECONDS)]);
    },
    async remove(client) {
      await client.hdel(key, id);
    },
    async removeEnded(client, holder, renewal) {
      await client.eval(DELETE, 1, key, holder, renewal);
    },
    async read(client) {
      const server = await log.serverOf(client, key);
      const { [MADE]: made, [id]: _own, ...others } = await readFields(client);
      const losses = log.losses();
      const name = `${server} ${made} ${losses}`;
      if (known?.name !== name) known = { name, losses, sinceMs: performance.now() };
      return { holders: new Map(Object.entries(others)), unknownUntilMs: known.sinceMs + NEAR_WAIT_MS };
    },
    isKnown: () => known?.losses === log.losses(),
  };
  return registry;
}

/** Whether no other gateway can answer from its memory. */
export const isAlone = (found: Registered | undefined): boolean =>
  found !== undefined && found.holders.size === 0 && performance.now() >= found.unknownUntilMs;
