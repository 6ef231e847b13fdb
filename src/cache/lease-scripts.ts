import type { Result } from 'ioredis';

/** Stands in the place of a holder: while nobody waits for anybody else. */
export const NOBODY = 'nobody';

/**
 * What a lease's commands do at once. ioredis sends their text once per connection, and then their hash. `KEYS` are that of the lease
 * and, where there are two, that of the response: in one slot of a cluster.
 */
export const LEASE_SCRIPTS = {
  /** `ARGV` is the holder, for how many ms, and how many bytes to return of what is stored. */
  takeLease: {
    numberOfKeys: 2,
    lua: `
local state = 'TAKEN'
if not redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then
  state = redis.call('GET', KEYS[1]) == '${NOBODY}' and 'OPEN' or 'HELD'
end
return { state, redis.call('GETRANGE', KEYS[2], 0, ARGV[3] - 1) }`,
  },
  /** Replaces the holder, if it still is the one: `ARGV` is the holder, its successor, and for how many ms. Returns whether it has. */
  replaceLease: {
    numberOfKeys: 1,
    lua: `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`,
  },
  /** Releases the lease, if `ARGV` still is its holder. Returns whether it was. */
  endLease: {
    numberOfKeys: 1,
    lua: `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`,
  },
  /** The same, and stores the response first: `ARGV` is the holder, the response, and for how many ms. It ends even if Redis is full. */
  storeAndEndLease: {
    numberOfKeys: 2,
    lua: `
local stored = redis.pcall('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return stored`,
  },
} as const;

declare module 'ioredis' {
  interface RedisCommander<Context> {
    takeLeaseBuffer(
      lease: string,
      response: string,
      holder: string,
      ms: number,
      headBytes: number,
    ): Result<[state: Buffer, head: Buffer], Context>;
    replaceLease(lease: string, holder: string, successor: string, ms: number): Result<number, Context>;
    endLease(lease: string, holder: string): Result<number, Context>;
    storeAndEndLease(
      lease: string,
      response: string,
      holder: string,
      stored: Buffer,
      ms: number,
    ): Result<string, Context>;
  }
}
