import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from '../access/caller.ts';
import { createApp, type App } from '../app.ts';
import { CliError, EXIT } from '../cli-error.ts';
import type { Config } from '../config.ts';
import { quoted } from '../errors.ts';
import type { CacheReport } from '../graphql/cache-report.ts';
import type { GraphQLRequest } from '../graphql/operation.ts';
import { createLog } from '../telemetry/log.ts';
import type { CallerOptions } from './caller-options.ts';
import type { CliContext } from './context.ts';
import type { Servers } from './database.ts';

/** The options of `npm run cache -- explain`, as typed. */
export interface CacheOptions extends CallerOptions {
  readonly variables?: string | undefined;
  readonly operation?: string | undefined;
  /** Print the report as JSON instead of text. */
  readonly json?: boolean | undefined;
}

interface CacheExplainOptions {
  readonly request: GraphQLRequest;
  /** Who would send it. */
  readonly caller: Caller;
  readonly json: boolean;
  readonly config: Config & Servers;
}

/** A connection to Redis takes no longer, unless it is down. */
const CONNECT_MS = 5_000;
const POLL_MS = 20;

/**
 * `npm run cache -- explain`: reports on `cli.stdout` what the cache does for a query, and why. Stores nothing. A query whose response
 * is not cached is executed, to find out what it shows.
 * @returns the exit code: 0 when the query was executed or is cached
 * @throws CliError (1) for a query that cannot be executed
 */
export async function runCacheExplain(
  { request, caller, json, config }: CacheExplainOptions,
  cli: CliContext,
): Promise<number> {
  const app = await createApp(config, {
    log: createLog({ level: 'silent', readable: false, destination: cli.stderr }),
  });
  try {
    const redis = await redisState(app, cli.signal);
    const report = await reportOn(app, { request, caller }, cli.signal);
    cli.stdout.write(json ? `${JSON.stringify({ redis, ...report }, null, 2)}\n` : textOf({ redis, ...report }));
    return 0;
  } finally {
    await app.close({ drainMs: 0 });
  }
}

/** @throws CliError (64) for wrong variables */
export function parseCacheRequest(query: string, { variables, operation }: CacheOptions): GraphQLRequest {
  const parsed = variables === undefined ? undefined : parseObject(variables);
  if (parsed === null)
    throw new CliError(`--variables: expected a JSON object, got ${quoted(variables)}`, { exitCode: EXIT.usage });
  return { query, persisted: undefined, operationName: operation, variables: parsed };
}

/** Null if it is none. */
function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>> | null)
      : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The state of Redis once it is connected, or as it is after some seconds. */
async function redisState({ redisState: state }: App, signal: AbortSignal): Promise<string> {
  const untilMs = performance.now() + CONNECT_MS;
  while (state() === 'down' && performance.now() < untilMs) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- waits
    await sleep(POLL_MS, undefined, { signal });
  }
  return state();
}

async function reportOn(
  app: App,
  { request, caller }: Pick<CacheExplainOptions, 'request' | 'caller'>,
  signal: AbortSignal,
): Promise<CacheReport> {
  const outcome = await app.respond(
    { text: JSON.stringify(request), parse: () => request },
    {
      caller,
      client: '',
      signal,
      cacheControl: { refresh: false, noStore: true, onlyIfCached: false, maxAgeSeconds: Number.POSITIVE_INFINITY },
      accepted: { preferred: 'identity', takesIdentity: true },
      isSafe: true,
      costMode: undefined,
      reportsCache: true,
    },
  );
  // A mutation is refused, since the request is safe; a subscription has not begun.
  if ('start' in outcome || outcome.isRefusal === true) throw refused('expected a query, got another operation');
  const { errors = [], extensions } = JSON.parse(outcome.body.toString()) as {
    readonly errors?: readonly { readonly message: string }[];
    readonly extensions?: { readonly cache?: CacheReport };
  };
  if (extensions?.cache === undefined) throw refused(errors.map(({ message }) => message).join('\n'));
  return extensions.cache;
}

const refused = (message: string) => new CliError(`The query cannot be executed: ${message}`, { exitCode: 1 });

const REASONS: Readonly<Record<NonNullable<CacheReport['reason']>, string>> = {
  absent: 'no: it was never stored, or its lifetime is over',
  expired: 'yes, but its lifetime is over',
  invalidated: 'yes, but a write has invalidated it',
  refresh: 'not looked up',
  refused: 'no: a response to this query is never stored',
  redis: 'unknown: Redis cannot be used',
};

const NOT_STORED: Readonly<Record<NonNullable<CacheReport['notStored']>, string>> = {
  'no-store': 'yes',
  refused: 'no',
  redis: 'no, as long as Redis cannot be used',
  errors: 'no: the response has errors',
  large: 'no: the response is too large',
};

function textOf(report: CacheReport & { readonly redis: string }): string {
  const { stored, reason, because, maxAgeField, privateField } = report;
  const sizes = Object.entries(stored?.bytes ?? {}).map(([encoding, bytes]) => `${encoding} ${bytes} bytes`);
  const used = report.result === 'STALE' ? 'yes, and it is served while it is refreshed' : 'yes, and it is fresh';
  const state = reason === null ? used : `${REASONS[reason]}${because === null ? '' : ` (${because})`}`;
  const lines: Readonly<Record<string, string | undefined>> = {
    key: report.key ?? 'none',
    access: report.access,
    lifetime: `${report.maxAgeSeconds} s${maxAgeField === null ? '' : `, by ${maxAgeField}`}`,
    private: privateField === null ? undefined : `yes, by ${privateField}`,
    redis: report.redis,
    stored: state,
    age: stored === null ? undefined : `${stored.ageSeconds} s`,
    size: stored === null ? undefined : sizes.join(', '),
    storable: report.notStored === null ? undefined : NOT_STORED[report.notStored],
    tags: report.tags.join(' ') || 'none',
  };
  const given = Object.entries(lines).filter(([, value]) => value !== undefined);
  return given.map(([name, value]) => `${name.padEnd(10)}${value}\n`).join('');
}
