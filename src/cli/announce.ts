import manifest from '../../package.json' with { type: 'json' };
import type { Config } from '../config.ts';
import type { Log } from '../telemetry/log.ts';
import { hasAuthentication, inForce, inForceLines } from './in-force.ts';
import type { Servers } from './database.ts';

type Served = Pick<Config, 'auth' | 'trust' | 'corsOrigins'> & Pick<Servers, 'redisUrls' | 'redisIsPrivate'>;

/** Tells whoever runs a gateway how its start and its end go. */
export interface Announcer {
  /** Something was done, or may be wrong, before it serves. */
  readonly step: (line: string) => void;
  /** @param base the origin at which it answers */
  readonly serves: (base: string, config: Served) => void;
  /** @param drainMs how long requests are accepted yet */
  readonly stops: (drainMs: number) => void;
  readonly stopped: () => void;
}

/** In lines for people. */
export function inText(print: (line: string) => void): Announcer {
  return {
    step: print,
    serves(base, config) {
      for (const warning of warningsOf(config)) print(warning);
      print(`\n${answersAt(base, config)}`);
    },
    stops: (drainMs) => print(stopping(drainMs)),
    stopped: () => undefined,
  };
}

/** In entries of the log, for programs that read everything that a gateway prints as JSON. */
export function inLog(log: Log): Announcer {
  return {
    step: (line) => (line.startsWith('Warning: ') ? log.warn(line) : log.info(line)),
    serves(base, config) {
      for (const warning of warningsOf(config)) log.warn(warning);
      log.info({ version: manifest.version, url: base, ...inForce(config) }, 'serving');
    },
    stops: (drainMs) => log.info(stopping(drainMs)),
    stopped: () => log.info('stopped'),
  };
}

/** Where a gateway answers, and what is in force there. */
export function answersAt(base: string, config: Pick<Served, 'auth' | 'trust' | 'corsOrigins'>): string {
  const isPageOpen = config.auth.isExploreOpen || !hasAuthentication(config.auth);
  return [
    'Concierge answers at',
    `  ${base}/graphql         GraphQL${isPageOpen ? '; in a browser, GraphiQL' : ''}`,
    `  ${base}/schema.graphql  the schema`,
    `  ${base}/health/ready    readiness`,
    `  ${base}/metrics         for Prometheus`,
    'with',
    ...inForceLines(config).map((line) => `  ${line}`),
    'Stop with Ctrl-C.',
  ].join('\n');
}

function* warningsOf({ auth, redisUrls, redisIsPrivate }: Served): Generator<string> {
  if (redisUrls.length === 0)
    yield 'No Redis: responses are not cached, and subscriptions report only changes made through this gateway (REDIS_URL).';
  if (redisIsPrivate)
    yield "This gateway runs its own Redis. If other gateways use this database, set the same REDIS_URL for all of them: until then, they serve stale responses after each other's writes, and subscriptions report only changes made through this gateway.";
  if (!hasAuthentication(auth))
    yield 'There is no authentication: every caller may read and write everything. Do not expose this to a network.';
}

function stopping(drainMs: number): string {
  const accepted = drainMs === 0 ? '' : `requests are accepted for another ${drainMs} ms, and `;
  return `Stopping: ${accepted}requests in progress may finish.`;
}
