import { randomUUID } from 'node:crypto';
import { IDENTITY_BYTES } from './stored-response.ts';
import { NOBODY } from './lease-scripts.ts';
import type { Patience } from './patience.ts';
import type { BoundedRedis } from './redis.ts';

/** How long others wait for a gateway that dies while it executes. */
const LEASE_MS = 700;
const RENEW_MS = 200;
/** How long each gateway executes for itself after an execution whose response cannot be stored. */
const OPEN_MS = 1_000;

/** What an attempt to take a lease has found. */
export interface Attempt {
  /** `HELD`: another request holds it. `OPEN`: nobody does, but the response could not be stored a moment ago. */
  readonly state: 'TAKEN' | 'HELD' | 'OPEN';
  /** The first bytes of what is stored, read after the lease was taken or found; empty if nothing is. */
  readonly head: Buffer;
}

/**
 * The right to execute a request that all gateways have missed. Nothing depends on there being only one holder: without Redis, or
 * when the lease of a holder ends that was held up, a request is executed twice.
 */
export interface Lease {
  /** Takes the lease unless it is held. Undefined when Redis does not say, or not in time. */
  take(): Promise<Attempt | undefined>;
  /** Keeps a lease that was taken and has not ended yet, until the function that it returns is called. */
  keep(): () => void;
  /** Gives up a lease that was taken. */
  release(): void;
  /** Gives it up with the response that it was taken for, which is stored for so long. */
  store(response: Buffer, ms: number): Promise<void>;
  /** Gives it up for a response that is not stored: for a second, nobody waits for anybody else. */
  open(): void;
}

interface LeaseOptions {
  readonly prefix: string;
  readonly name: string;
  /** That of the request that takes it first. */
  readonly patience: Patience;
}

const isWritten = (written: number): boolean => written === 1;

/** Creates the lease for the response of this name. Both keys are in the same slot of a cluster, so that one command may have both. */
export function createLease(redis: BoundedRedis, { prefix, name, patience }: LeaseOptions): Lease {
  const key = `${prefix}lease:{${name}}`;
  const token = randomUUID();
  let takenMs = 0;
  let isFirst = true;
  const replace = (successor: string, ms: number): void =>
    void redis.run('release', (client) => client.replaceLease(key, token, successor, ms), isWritten);
  const release = (): void => void redis.run('release', (client) => client.endLease(key, token), isWritten);
  const take = (): Promise<Attempt | undefined> =>
    redis.run('lease', async (client) => {
      takenMs = performance.now();
      const [state, head] = await client.takeLeaseBuffer(key, name, token, LEASE_MS, IDENTITY_BYTES);
      return { state: state.toString('latin1') as Attempt['state'], head };
    });
  return {
    async take() {
      // Later ones are made while another gateway executes.
      if (!isFirst) return take();
      isFirst = false;
      let attempt: ReturnType<typeof take> | undefined;
      const inTime = await patience.wait(() => (attempt = take()));
      // Whoever has given it up executes without it.
      if (inTime === undefined) void attempt?.then((late) => late?.state === 'TAKEN' && release());
      return inTime;
    },
    keep() {
      if (performance.now() - takenMs > RENEW_MS) replace(token, LEASE_MS);
      const renewing = setInterval(() => replace(token, LEASE_MS), RENEW_MS).unref();
      return () => clearInterval(renewing);
    },
    release,
    async store(response, ms) {
      await redis.run('store', (client) => client.storeAndEndLease(key, name, token, response, ms));
    },
    open: () => replace(NOBODY, OPEN_MS),
  };
}
