import { within } from '../time-limit.ts';
import type { FreshContent } from './fresh-content.ts';
import type { StaticContent } from './static-content.ts';

/** The state of a dependency; one that is refusing answers some commands with an error, whoever sends them. */
export type DependencyState = 'up' | 'down' | 'refusing' | 'not used';

export interface HealthOptions {
  readonly isStopping: () => boolean;
  /** Resolves when MySQL responds. */
  readonly pingDatabase: () => Promise<void>;
  /** How many statements and transactions wait for a free connection to MySQL. */
  readonly waiting: () => { readonly reads: number; readonly writes: number };
  readonly redisState: () => DependencyState;
  /** Whether the keys are there that tokens are verified by; undefined if no issuer publishes any. */
  readonly issuerState: (() => 'up' | 'down') | undefined;
  /** Whether there is another way to authenticate. */
  readonly hasApiKeys: boolean;
  /** Whether requests are refused until there is more memory. */
  readonly isMemoryShort: () => boolean;
}

const PING_MS = 1_000;

const TYPE = 'application/json; charset=utf-8';
const textOf = (value: unknown): string => `${JSON.stringify(value)}\n`;

/** Liveness: the process responds. It checks nothing else, so that a database outage does not restart gateways. */
export const LIVE: StaticContent = {
  type: TYPE,
  bytes: Buffer.from(textOf({ status: 'ok' })),
  headers: { 'cache-control': 'no-store' },
};

/**
 * Readiness, with each dependency's state: 200 while queries can be executed, 503 without MySQL or memory, or while stopping. If all
 * connections are busy, the gateway stays ready, and `waiting` has the numbers of waiting reads and writes. Without Redis, or
 * with one that refuses commands, it stays ready too, since responses are merely not cached, and `status` is `degraded`; likewise
 * without the issuer's keys where callers may have API keys. Without these, it could answer nobody.
 */
export async function readiness(options: HealthOptions): Promise<FreshContent> {
  const { isStopping, pingDatabase, waiting, redisState, issuerState, hasApiKeys, isMemoryShort } = options;
  const database = await within(
    { ms: PING_MS, timeoutError: () => new Error(`no response within ${PING_MS} ms`) },
    pingDatabase,
  ).then(
    (): DependencyState => 'up',
    (): DependencyState => 'down',
  );
  const redis = redisState();
  const memory = isMemoryShort() ? { memory: 'short' } : {};
  const issuer = issuerState?.();
  const canIdentify = issuer !== 'down' || hasApiKeys;
  const ready = database === 'up' && canIdentify && !isStopping() && !isMemoryShort();
  const isDegraded = redis === 'down' || redis === 'refusing' || issuer === 'down';
  const status = isStopping() ? 'stopping' : ready ? (isDegraded ? 'degraded' : 'ok') : 'unavailable';
  const { reads, writes } = waiting();
  const full = database === 'up' && reads + writes > 0 ? { waiting: { reads, writes } } : {};
  const text = textOf({ status, dependencies: { database, redis, ...(issuer && { issuer }) }, ...full, ...memory });
  return { status: ready ? 200 : 503, type: TYPE, text };
}
