import type { Log } from '../telemetry/log.ts';

/**
 * What commands are for. A look-up delays a request, and so does a lease, so if one of them times out, or a check of whether Redis
 * accepts writes, the circuit breaker opens. No request waits for a store or for a message to other gateways. Invalidations are sent even while the circuit
 * breaker is open, because other gateways may still be serving what they invalidate.
 */
export type RedisPurpose = 'lookup' | 'lease' | 'check' | 'store' | 'invalidate' | 'publish';

/** A Redis that is refusing answers in time, but some commands with an error, such as all writes without enough replicas. */
export type RedisState = (typeof REDIS_STATES)[number];

export const REDIS_STATES = ['up', 'down', 'refusing'] as const;

/** Refusals that depend on the command, so that one which is accepted says nothing about others. */
const PER_COMMAND: ReadonlySet<string> = new Set(['OOM', 'NOPERM']);

/** The first word of Redis's error, such as NOREPLICAS: the rest may contain arguments. */
export const refusalOf = (error: unknown): string =>
  (Error.isError(error) ? /^[A-Z]+/.exec(error.message)?.[0] : undefined) ?? 'ERR';

/** Keeps what is known about a Redis from the outcomes of commands, and logs when it changes. */
export function createStateReport(log: Log) {
  let isDown = false;
  /** By purpose, what its last command was refused with. */
  const refusals = new Map<RedisPurpose, string>();
  return {
    isDown: () => isDown,
    isRefusing: () => refusals.size > 0,
    down(error: unknown): void {
      if (!isDown) log.warn({ err: error }, 'Redis is down; responses are not cached until it is back');
      isDown = true;
    },
    back(): void {
      if (isDown) log.info('Redis is back');
      isDown = false;
    },
    refused(purpose: RedisPurpose, error: unknown): void {
      if (refusals.size === 0)
        log.warn({ err: error, purpose }, 'Redis refuses commands; requests go on without them until it accepts them');
      refusals.set(purpose, refusalOf(error));
    },
    accepted(purpose: RedisPurpose): void {
      if (refusals.size === 0) return;
      refusals.delete(purpose);
      if (purpose === 'check') for (const [of, reason] of refusals) if (!PER_COMMAND.has(reason)) refusals.delete(of);
      if (refusals.size === 0) log.info('Redis accepts commands again');
    },
  };
}
