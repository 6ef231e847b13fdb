import type { ServerResponse } from 'node:http';
import { within } from '../time-limit.ts';
import type { Handler } from './server.ts';

/** The state of a dependency. */
export type DependencyState = 'up' | 'down' | 'not used';

export interface HealthOptions {
  readonly isStopping: () => boolean;
  /** Resolves when MySQL answers. */
  readonly pingDatabase: () => Promise<void>;
  /** How many statements and transactions are waiting because all connections to MySQL that they may use are busy. */
  readonly waiting: () => { readonly reads: number; readonly writes: number };
  readonly redisState: () => DependencyState;
}

const PING_MS = 1_000;

/** Liveness: the process responds. It checks nothing else, so that a database outage does not restart gateways. */
export const live: Handler = (_, response) => sendJson(response, 200, { status: 'ok' });

/**
 * Readiness with each dependency's state: 200 while queries can be answered, 503 without MySQL or while stopping. With all
 * connections busy the gateway stays ready, and `waiting` tells how many are waiting. Without Redis it stays ready too, since
 * answers are merely not cached, and `status` is `degraded`.
 */
export function createReadiness({ isStopping, pingDatabase, waiting, redisState }: HealthOptions): Handler {
  return async (_, response) => {
    const database = await within({ ms: PING_MS, late: () => new Error('no answer') }, pingDatabase).then(
      (): DependencyState => 'up',
      (): DependencyState => 'down',
    );
    const redis = redisState();
    const ready = database === 'up' && !isStopping();
    const status = isStopping() ? 'stopping' : ready ? (redis === 'down' ? 'degraded' : 'ok') : 'unavailable';
    const { reads, writes } = waiting();
    const full = database === 'up' && reads + writes > 0 ? { waiting: { reads, writes } } : {};
    sendJson(response, ready ? 200 : 503, { status, dependencies: { database, redis }, ...full });
  };
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
  });
  response.end(body);
}
