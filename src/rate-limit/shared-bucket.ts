import { hash } from 'node:crypto';
import type { BoundedRedis } from '../cache/redis.ts';

/** What a bucket holds over all gateways, in milliseconds of its refilling: full after a minute without spending. */
export interface BucketState {
  readonly headroomMs: number;
  /** Whether what was asked for was there, and was taken. */
  readonly isTaken: boolean;
}

/** The buckets of all clients, shared by all gateways. */
export interface SharedBuckets {
  /** Takes what was spent already, and then what is asked for, if there is as much. Undefined if Redis does not say. */
  take(client: string, taking: Taking): Promise<BucketState | undefined>;
}

interface Taking {
  /** How long an empty bucket takes to fill. */
  readonly windowMs: number;
  /** Taken in any case, so that a bucket may hold less than nothing; negative to give back. */
  readonly spentMs: number;
  readonly askedMs: number;
}

/**
 * Keeps when the bucket will be full again (the generic cell rate algorithm), by the clock of Redis. A full one has no key.
 * `ARGV` is how long it takes to fill, what was spent, and what is asked for, all in ms.
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)) + ARGV[2]
local taken = full + ARGV[3] - now <= tonumber(ARGV[1])
if taken then full = full + ARGV[3] end
if full - now >= 1 then
  redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil(full - now))
else
  redis.call('DEL', KEYS[1])
end
return { taken and 1 or 0, string.format('%.3f', now + ARGV[1] - math.max(now, full)) }`;

/** Works with a cluster, too. */
export function createSharedBuckets(redis: BoundedRedis, prefix: string): SharedBuckets {
  return {
    take: (client, { windowMs, spentMs, askedMs }) =>
      redis.run('rate', async (connection) => {
        // Hashed, since it is an address or a subject, which are nobody else's business.
        const key = `${prefix}cost:${hash('sha256', client, 'base64url')}`;
        const reply = await connection.eval(TAKE, 1, key, windowMs, spentMs, askedMs);
        const [taken, headroom] = reply as [number, string];
        return { isTaken: taken === 1, headroomMs: Number(headroom) };
      }),
  };
}
