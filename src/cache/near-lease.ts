import type { InvalidationLog } from './invalidation-log.ts';
import { NEAR_LEASE_MS, type NearRegistry } from './near-registry.ts';
import type { BoundedRedis } from './redis.ts';

const RENEW_MS = 150;
/** Without use for so long, it is not renewed. */
const IDLE_MS = 1_000;

/** The right to answer from memory: while it is held, whoever writes waits until this gateway has read of it. */
export interface NearLease {
  isHeld(): boolean;
  /** Takes the lease, in the background, and keeps it for as long as this is called every second. */
  use(): void;
  close(): Promise<void>;
}

interface NearLeaseOptions {
  readonly redis: BoundedRedis;
  readonly registry: NearRegistry;
  readonly log: InvalidationLog;
}

/**
 * A lease begins when this gateway has registered and has then read the log of writes: whoever writes later finds it in the
 * registry. It ends some time after it *began* to register, by its own clock, whatever has happened to it or to Redis since.
 */
export function createNearLease({ redis, registry, log }: NearLeaseOptions): NearLease {
  let endsMs = 0;
  let usedMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let isRenewing = false;
  let isClosed = false;
  const renew = async (): Promise<void> => {
    isRenewing = true;
    const beganMs = performance.now();
    const isRenewed = await redis.run('near', async (client) => {
      await registry.renew(client);
      await log.catchUp(client);
      return true;
    });
    isRenewing = false;
    timer = undefined;
    if (isClosed) return;
    if (isRenewed) endsMs = beganMs + NEAR_LEASE_MS;
    // After a failure, until it succeeds once: as long as the last one was refused, Redis counts as refusing.
    if (isRenewed !== true || performance.now() - usedMs < IDLE_MS)
      timer = setTimeout(() => void renew(), RENEW_MS).unref();
  };
  return {
    isHeld: () => performance.now() < endsMs,
    use() {
      usedMs = performance.now();
      if (timer === undefined && !isRenewing && !isClosed) void renew();
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      if (usedMs === 0) return;
      endsMs = 0;
      await redis.run('near', (client) => registry.remove(client));
    },
  };
}
