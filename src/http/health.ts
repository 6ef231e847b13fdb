import type { ServerResponse } from 'node:http';
import type { Handler } from './server.ts';

/** The state of one thing that the gateway stands on. */
export type DependencyState = 'up' | 'down' | 'not used';

export interface HealthOptions {
  readonly isStopping: () => boolean;
  /** Resolves when MySQL answers. */
  readonly pingDatabase: () => Promise<void>;
  /** How many statements and transactions wait since all connections to MySQL that they may have are in use. */
  readonly waiting: () => { readonly reads: number; readonly writes: number };
  readonly redisState: () => DependencyState;
}

const PING_MS = 1_000;

/** Liveness: the process answers. Nothing else is asked, so that a database that is away restarts no gateway. */
export const live: Handler = (_, response) => sendJson(response, 200, { status: 'ok' });

/**
 * Readiness with each dependency's state: 200 while queries can be answered, 503 without MySQL or while stopping.
 * With all connections in use it is not down: queries are answered, and `waiting` tells how many wait.
 * Without Redis answers are merely not cached, so `status` is then `degraded` and the gateway stays ready.
 */
export function createReadiness({ isStopping, pingDatabase, waiting, redisState }: HealthOptions): Handler {
  return async (_, response) => {
    const database = await answersWithin(PING_MS, pingDatabase());
    const redis = redisState();
    const ready = database === 'up' && !isStopping();
    const status = isStopping() ? 'stopping' : ready ? (redis === 'down' ? 'degraded' : 'ok') : 'unavailable';
    const { reads, writes } = waiting();
    const full = database === 'up' && reads + writes > 0 ? { waiting: { reads, writes } } : {};
    sendJson(response, ready ? 200 : 503, { status, dependencies: { database, redis }, ...full });
  };
}

async function answersWithin(ms: number, ping: Promise<void>): Promise<DependencyState> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<DependencyState>((resolve) => {
    timer = setTimeout(() => resolve('down'), ms);
  });
  try {
    return await Promise.race([
      ping.then(
        (): DependencyState => 'up',
        (): DependencyState => 'down',
      ),
      late,
    ]);
  } finally {
    clearTimeout(timer);
  }
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
