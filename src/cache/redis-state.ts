import type { Log } from '../telemetry/log.ts';
import { NoReplyError } from './turns.ts';

/**
 * What commands are for. A look-up delays a request, and so does taking a lease, so if one of them times out, or a check of whether
 * Redis accepts writes, the circuit breaker opens. No request waits for a store, for a message to other gateways, or for
 * a lease to be renewed or released (`release`). Invalidations are sent even while the circuit breaker is open, because other
 * gateways may still be serving what they invalidate.
 */
export type RedisPurpose =
  'lookup' | 'lease' | 'release' | 'check' | 'store' | 'invalidate' | 'publish' | 'near' | 'rate' | 'document';

/** A Redis that is refusing answers in time, but some commands with an error, such as all writes without enough replicas. */
export type RedisState = (typeof REDIS_STATES)[number];

export const REDIS_STATES = ['up', 'down', 'refusing'] as const;

/** For commands that may write nothing, so that Redis accepts them even when it refuses others of their purpose. */
export const provesNothing = (): boolean => false;

/** The purposes of commands that need memory. */
const STORING = ['lease', 'store'] as const;

/** The first word of Redis's error, such as NOREPLICAS: the rest may contain arguments. */
export const refusalOf = (error: unknown): string =>
  (Error.isError(error) ? /^[A-Z]+/.exec(error.message)?.[0] : undefined) ?? 'ERR';

/**
 * Keeps what is known about a Redis from the outcomes of commands, and logs when it changes. Outcomes come in any order, since some
 * commands take more steps than others, so each is told with the number that `sent` gave when it was sent: an earlier command
 * says nothing against what is known from a later one.
 */
export function createStateReport(log: Log) {
  let isDown = false;
  let number = 0;
  /** By purpose, what the last command was refused with, unless Redis accepts such commands again. */
  const refusals = new Map<RedisPurpose, { readonly reason: string; readonly sent: number }>();
  /** By purpose, the last command that was accepted. */
  const acceptances = new Map<RedisPurpose, number>();
  /** The last command whose acceptance says that a refusal is over: some depend on what the command is. */
  const acceptedLast = (purpose: RedisPurpose, reason: string): number => {
    const purposes = reason === 'OOM' ? STORING : reason === 'NOPERM' ? [purpose] : [purpose, 'check' as const];
    return Math.max(...purposes.map((of) => acceptances.get(of) ?? 0));
  };
  return {
    isDown: () => isDown,
    isRefusing: () => refusals.size > 0,
    down(error: unknown): void {
      // A busy machine may be late for once, which calls for somebody only if it lasts.
      const what = error instanceof NoReplyError ? 'Redis has not replied in time' : 'Redis is down';
      if (!isDown) log.warn({ err: error }, `${what}; responses are not cached until it is back`);
      isDown = true;
    },
    back(): void {
      if (isDown) log.info('Redis is back');
      isDown = false;
    },
    sent: (): number => (number += 1),
    refused(purpose: RedisPurpose, sent: number, error: unknown): void {
      const reason = refusalOf(error);
      if (sent < acceptedLast(purpose, reason)) return;
      if (refusals.size === 0)
        log.warn({ err: error, purpose }, 'Redis refuses commands; requests go on without them until it accepts them');
      refusals.set(purpose, { reason, sent: Math.max(sent, refusals.get(purpose)?.sent ?? 0) });
    },
    accepted(purpose: RedisPurpose, sent: number): void {
      acceptances.set(purpose, Math.max(sent, acceptances.get(purpose) ?? 0));
      if (refusals.size === 0) return;
      for (const [of, refusal] of refusals) if (refusal.sent < acceptedLast(of, refusal.reason)) refusals.delete(of);
      if (refusals.size === 0) log.info('Redis accepts commands again');
    },
  };
}
