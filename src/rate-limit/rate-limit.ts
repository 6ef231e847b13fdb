import { CodedError } from '../errors.ts';
import type { Patience } from '../cache/patience.ts';
import type { SharedBuckets } from './shared-bucket.ts';

/** How long an empty bucket takes to fill. */
const WINDOW_MS = 60_000;
/** How often what was spent is told to the other gateways. */
const SETTLE_MS = 100;
const SWEEP_MS = 1_000;
/** The part of a bucket that a gateway lets a client spend before the others know of it. */
const UNSETTLED = 1 / 100;

/** What a client may spend. */
export interface Allowance {
  /** The cost per minute. */
  readonly limit: number;
  /** The cost that is left now. */
  readonly remaining: number;
  /** When all of it is available again, as an ISO 8601 date and time in UTC. */
  readonly resetAt: string;
}

/** A client has used up its cost per minute. */
export class RateLimited extends CodedError {
  /** When the same may be requested again, in seconds from now. */
  readonly retryAfterSeconds: number;
  constructor(message: string, retryAfterSeconds: number) {
    super('RATE_LIMITED', message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Limits the cost that a client (`clientOf`) may spend per minute, over all gateways. */
export interface RateLimit {
  /** The cost per minute; infinite when there is no limit. */
  readonly limit: number;
  /**
   * Spends a cost, at once if it is small, and else when Redis says that it is there.
   * @param cost up to the limit
   * @param patience that of the request; when it ends before Redis has answered, the cost is spent in any case
   * @returns undefined if it was spent at once; otherwise a promise that rejects with RateLimited if it is not there
   */
  spend(client: string, cost: number, patience?: Patience): Promise<void> | undefined;
  /** Spends a cost if that needs no question to Redis. Returns whether it has; if not, nothing is spent. */
  spendAtOnce(client: string, cost: number): boolean;
  /** Spends a cost that cannot be refused. A negative one gives back what was spent in vain. */
  add(client: string, cost: number): void;
  /**
   * Null when there is no limit.
   * @param patience that of the request; without any left, what this gateway knows alone
   */
  allowance(client: string, patience?: Patience): Promise<Allowance | null>;
  /** Tells the other gateways of everything that was spent. */
  close(): Promise<void>;
}

export interface RateLimitOptions {
  /** 0 for no limit. */
  readonly costPerMinute: number;
  /** Undefined without Redis: then each gateway has buckets of its own, as it has while Redis does not answer. */
  readonly shared: SharedBuckets | undefined;
  readonly onRefused: () => void;
  /** For tests, in which nothing should come back meanwhile. */
  readonly windowMs?: number;
}

/** What is known of a client's bucket, in milliseconds of its refilling. */
interface Bucket {
  headroomMs: number;
  /** When that was so, by `performance.now()`. */
  asOfMs: number;
  /** What was spent here and not been told to Redis. */
  unsettledMs: number;
  /** What Redis is being told. */
  settlingMs: number;
}

/**
 * A token bucket for each client, in Redis, that fills within a minute. Asking Redis before each request would delay it. So a gateway
 * lets a client spend a hundredth of its bucket at once if that was there when it last asked, and tells Redis of it ten times a second.
 * Whatever was spent counts, even if the bucket holds less by then: then the client waits for longer. So with several gateways a client
 * may spend a hundredth more than its limit for each of them within a minute, and no more in the minutes after that.
 */
export function createRateLimit(options: RateLimitOptions): RateLimit {
  const { costPerMinute, shared, onRefused, windowMs = WINDOW_MS } = options;
  if (costPerMinute === 0) return UNLIMITED;
  const msOf = (cost: number): number => (cost * windowMs) / costPerMinute;
  const buckets = new Map<string, Bucket>();
  const unsettled = new Set<string>();
  let settling: NodeJS.Timeout | undefined;

  /** What a bucket holds now if nobody has spent anything since. */
  const filledOf = ({ headroomMs, asOfMs }: Bucket): number =>
    Math.min(windowMs, headroomMs + performance.now() - asOfMs);
  const leftOf = (bucket: Bucket): number => filledOf(bucket) - bucket.unsettledMs - bucket.settlingMs;
  const bucketOf = (client: string): Bucket => {
    let bucket = buckets.get(client);
    if (bucket === undefined) {
      bucket = { headroomMs: windowMs, asOfMs: performance.now(), unsettledMs: 0, settlingMs: 0 };
      buckets.set(client, bucket);
    }
    return bucket;
  };
  /** Tells Redis of what was spent, and asks it for more. Returns whether that was there. */
  const settle = async (client: string, bucket: Bucket, askedMs: number): Promise<boolean> => {
    const spentMs = bucket.unsettledMs;
    bucket.unsettledMs = 0;
    bucket.settlingMs += spentMs + askedMs;
    unsettled.delete(client);
    const state = await shared?.take(client, { windowMs, spentMs, askedMs });
    bucket.settlingMs -= spentMs + askedMs;
    const headroomMs = state?.headroomMs ?? filledOf(bucket) - spentMs - askedMs;
    Object.assign(bucket, { headroomMs, asOfMs: performance.now() });
    return state?.isTaken ?? true;
  };
  const settleAll = async (): Promise<void> => {
    settling = undefined;
    await Promise.all([...unsettled].map((client) => settle(client, bucketOf(client), 0)));
  };
  const add = (client: string, ms: number): void => {
    bucketOf(client).unsettledMs += ms;
    unsettled.add(client);
    settling ??= setTimeout(() => void settleAll(), SETTLE_MS).unref();
  };
  const refuse = (bucket: Bucket, cost: number): never => {
    onRefused();
    throw refusalOf(cost, leftOf(bucket), { costPerMinute, windowMs });
  };
  const ask = async (client: string, cost: number, patience: Patience | undefined): Promise<void> => {
    const [bucket, ms] = [bucketOf(client), msOf(cost)];
    if (leftOf(bucket) < ms) refuse(bucket, cost);
    const settled = settle(client, bucket, ms);
    const isTaken = await (patience?.waitFor(settled) ?? settled);
    if (isTaken === false) refuse(bucket, cost);
    // The request goes on, so what Redis has not taken counts as what is spent at once.
    if (isTaken === undefined) void settled.then((isTakenLate) => isTakenLate || add(client, ms));
  };
  const sweeping = setInterval(() => {
    // Those that are full by now are as good as forgotten.
    for (const [client, bucket] of buckets)
      if (filledOf(bucket) >= windowMs && bucket.unsettledMs === 0 && bucket.settlingMs === 0) buckets.delete(client);
  }, SWEEP_MS).unref();

  const spendAtOnce = (client: string, cost: number): boolean => {
    const [bucket, ms] = [bucketOf(client), msOf(cost)];
    if (bucket.unsettledMs + ms > windowMs * UNSETTLED || leftOf(bucket) < ms) return false;
    add(client, ms);
    return true;
  };
  return {
    limit: costPerMinute,
    spend: (client, cost, patience) => (spendAtOnce(client, cost) ? undefined : ask(client, cost, patience)),
    spendAtOnce,
    add: (client, cost) => add(client, msOf(cost)),
    async allowance(client, patience) {
      const bucket = bucketOf(client);
      const settled = () => settle(client, bucket, 0);
      await (patience?.wait(settled) ?? settled());
      return allowanceOf(leftOf(bucket), { costPerMinute, windowMs });
    },
    async close() {
      clearInterval(sweeping);
      clearTimeout(settling);
      await settleAll();
    },
  };
}

/** @param leftMs what a bucket holds, in milliseconds of its refilling, if not enough */
function refusalOf(cost: number, leftMs: number, filling: Filling): RateLimited {
  const { costPerMinute, windowMs } = filling;
  const seconds = Math.max(1, Math.ceil(((cost * windowMs) / costPerMinute - leftMs) / 1_000));
  // Between the refusal and this, some may have come back.
  const left = Math.min(cost - 1, remainingOf(leftMs, filling));
  const message = `Expected a cost of at most ${left}, which is left of ${costPerMinute} per minute, got ${cost}: send it again in ${seconds} s.`;
  return new RateLimited(message, seconds);
}

interface Filling {
  readonly costPerMinute: number;
  readonly windowMs: number;
}

/** @param ms what a bucket holds, in milliseconds of its refilling */
function allowanceOf(ms: number, filling: Filling): Allowance {
  const { costPerMinute: limit, windowMs } = filling;
  const resetMs = Date.now() + windowMs - heldOf(ms, windowMs);
  return { limit, remaining: remainingOf(ms, filling), resetAt: new Date(resetMs).toISOString() };
}

const heldOf = (ms: number, windowMs: number): number => Math.min(windowMs, Math.max(0, ms));

const remainingOf = (ms: number, { costPerMinute, windowMs }: Filling): number =>
  Math.floor((heldOf(ms, windowMs) * costPerMinute) / windowMs);

const UNLIMITED: RateLimit = {
  limit: Number.POSITIVE_INFINITY,
  spend: () => undefined,
  spendAtOnce: () => true,
  add: () => undefined,
  allowance: () => Promise.resolve(null),
  close: () => Promise.resolve(),
};
