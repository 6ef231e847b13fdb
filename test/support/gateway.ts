import { Writable } from 'node:stream';
import { createApp } from '../../src/app.ts';
import { parseConfig } from '../../src/config.ts';
import { codeOf } from '../../src/errors.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { until } from './patience.ts';
import { personalDataIn, rememberValues } from './personal-data.ts';
import { keepWritten } from './written.ts';

/** The response to a GraphQL request. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // Answers have the shape of the query at hand, which each test knows.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any;
  readonly errors: readonly {
    message: string;
    path?: (string | number)[];
    locations?: { line: number; column: number }[];
    extensions: { code: string; errorId?: string };
  }[];
  readonly extensions:
    { readonly cost?: AnsweredCost; readonly cache?: { readonly because: string | null } } | undefined;
}

/** The cost that an answer reports. */
export interface AnsweredCost {
  readonly requested: number;
  readonly limit: number;
  readonly typeCost: number;
  readonly fieldCost: number;
}

export interface RequestOptions {
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** For tests of when a gateway gives up on Redis, but not on anything else. */
export const PATIENT_WITH_DATABASE = {
  LIMIT_REQUEST_MS: '600000',
  LIMIT_STATEMENT_MS: '600000',
  LIMIT_DATABASE_WAIT_MS: '600000',
} as const;

/** For tests of what is answered, not when: on a busy machine, answers may take longer than a gateway's time limits. */
export const PATIENT = { CACHE_TIMEOUT_MS: '10000', ...PATIENT_WITH_DATABASE } as const;

/** In addition to `PATIENT`, for tests that wait until a gateway finds its database down or its pool exhausted: the default. */
export const BRIEF_DATABASE_WAIT = { LIMIT_DATABASE_WAIT_MS: '2000' } as const;

/** For tests in which one client has many operations executed at the same time. */
export const MANY_AT_ONCE = {
  LIMIT_CONCURRENT_COST: '1000000000',
  LIMIT_CONCURRENT_COST_PER_CLIENT: '1000000000',
} as const;

/** For tests with requests beyond the cost limit. */
export const ANY_COST = { LIMIT_COST: '1000000000' } as const;

/** A gateway in this process, on a port of its own. */
export interface TestGateway {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Every log line, as text, but those about stalls. */
  readonly logLines: readonly string[];
  /** Log lines about stalls of the event loop, which a busy machine can cause at any time. */
  readonly stallLines: readonly string[];
  /** Sends a query by POST over HTTP. */
  request(query: string, options?: RequestOptions): Promise<Answer>;
  /** The data of a query that must succeed. */
  // oxlint-disable-next-line typescript/no-explicit-any
  data(query: string, variables?: Readonly<Record<string, unknown>>): Promise<any>;
  /**
   * Runs something and returns how many SQL statements of each name the gateway sent meanwhile, but for the one that it sends regularly
   * while the cache is used.
   */
  statementsOf(run: () => Promise<unknown>): Promise<ReadonlyMap<string, number>>;
  /** The value of a metric, summed over all labels. */
  metric(name: string): Promise<number>;
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/** Whether a line of the log says that the event loop was held up. */
export const isAboutStall = (line: string): boolean => line.includes('The event loop was held up');

/** @throws any other error */
function unavailable(error: unknown): Error {
  if (error instanceof Error && codeOf(error) === 'SERVICE_UNAVAILABLE') return error;
  throw error;
}

/** What a gateway reports about its readiness. */
export interface Readiness {
  readonly status: string;
  readonly dependencies: { readonly database: string; readonly redis: string; readonly issuer?: string };
  /** What waits for a free connection to MySQL, if anything does. */
  readonly waiting?: { readonly reads: number; readonly writes: number };
}

export async function readinessOf({ url }: Pick<TestGateway, 'url'>): Promise<Readiness> {
  return (await (await fetch(`${url}/health/ready`)).json()) as Readiness;
}

/** Waits until gateways use their Redis: they connect in the background, and answer without it until then. */
export async function untilRedisUp(...gateways: readonly Pick<TestGateway, 'url'>[]): Promise<void> {
  for (const gateway of gateways)
    await until(
      'the gateway to be connected to Redis',
      () => readinessOf(gateway),
      ({ dependencies }) => dependencies.redis === 'up',
    );
}

/**
 * Starts a gateway on a migrated database.
 * @param options.redisUrl undefined: without a response cache
 * @param options.settings further settings, as in the environment
 */
export async function startGateway(options: {
  readonly databaseUrl: string;
  readonly redisUrl?: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** Whether it believes that no other gateway uses its Redis, and so waits for none. */
  readonly redisIsPrivate?: boolean;
}): Promise<TestGateway> {
  const logLines: string[] = [];
  const stallLines: string[] = [];
  const leaks: string[] = [];
  const exchanged = rememberValues();
  const keep = keepWritten();
  const noteLeak = (line: string): void => {
    const found = personalDataIn(line);
    if (found !== undefined) leaks.push(`${found}: ${line}`);
  };
  const destination = new Writable({
    write(chunk, _encoding, done) {
      const line = String(chunk);
      (isAboutStall(line) ? stallLines : logLines).push(line);
      keep(line);
      noteLeak(line);
      done();
    },
  });
  const config = parseConfig({
    NODE_ENV: 'test',
    PORT: '0',
    LOG_LEVEL: 'debug',
    // One client asks everything in a test.
    LIMIT_COST_PER_MINUTE: '0',
    DATABASE_URL: options.databaseUrl,
    REDIS_URL: options.redisUrl,
    ...options.settings,
  });
  const log = createLog({ level: config.logLevel, readable: false, destination });
  // By default it gives up after two seconds, which a database on a busy machine may exceed.
  const app = await until(
    'the gateway to start',
    () =>
      createApp(
        { ...config, databaseUrl: options.databaseUrl, redisIsPrivate: options.redisIsPrivate ?? false },
        { log },
      ).catch(unavailable),
    (started) => !(started instanceof Error),
  );
  if (app instanceof Error) throw app;
  const url = `http://127.0.0.1:${await app.listen()}`;

  const request = async (query: string, given: RequestOptions = {}): Promise<Answer> => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...given.headers },
      body: JSON.stringify({ query, variables: given.variables, operationName: given.operationName }),
    });
    exchanged.noteHeaders(given.headers ?? {});
    const text = await response.text();
    const { data, errors = [], extensions } = JSON.parse(text);
    exchanged.note(query, given.variables, data);
    return { status: response.status, headers: response.headers, text, data, errors, extensions };
  };
  const metrics = async (): Promise<string> => {
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const line of text.split('\n')) noteLeak(line);
    return text;
  };
  const statements = async (): Promise<Map<string, number>> => {
    const text = await metrics();
    const found = text.matchAll(/^concierge_sql_statements_total\{statement="([^"]+)"\} (\d+)$/gm);
    return new Map([...found].map(([, name = '', count]) => [name, Number(count)]));
  };
  return {
    url,
    logLines,
    stallLines,
    request,
    async data(query, variables = {}) {
      const answer = await request(query, { variables });
      if (answer.errors.length > 0) throw new Error(`unexpected errors: ${JSON.stringify(answer.errors)}`);
      return answer.data;
    },
    async statementsOf(run) {
      const before = await statements();
      await run();
      const after = await statements();
      const differences = [...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const);
      return new Map(differences.filter(([name, count]) => count > 0 && name !== 'Cache suspensions'));
    },
    async metric(name) {
      const text = await metrics();
      const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
    async close({ drainMs = 0 } = {}) {
      await app.close({ drainMs });
      // Of whatever the tests of a file have asked and broken.
      for (const line of logLines) leaks.push(...exchanged.in(line).map((value) => `${value}: ${line}`));
      if (leaks.length > 0)
        throw new Error(`expected no personal data in the log and the metrics, got ${leaks.join()}`);
    },
  };
}
