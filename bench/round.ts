import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';
import { CliError } from '../src/cli-error.ts';
import { CASES, requestBody, type CaseName } from './cases.ts';
import type { Child } from './children.ts';

/** The results of one round of load. */
export interface Round {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the server's process per request, in milliseconds. */
  readonly cpuMs: number;
  /** SELECT statements on the database server per request. */
  readonly statements: number;
  /** The shares of requests for which the gateway's cache reported HIT, MISS or BYPASS; empty for other servers. */
  readonly cacheResults: Readonly<Record<string, number>>;
}

export interface RoundOptions {
  readonly child: Child;
  readonly path: string;
  readonly caseName: CaseName;
  /** Whether every request is different. */
  readonly varied: boolean;
  /** Whether every request has a header of its own. */
  readonly hasOwnHeader?: boolean;
  readonly seconds: number;
  readonly connections: number;
  /** Counts all statements of the database server so far. */
  readonly countStatements: () => Promise<number>;
}

const HEADERS = { 'content-type': 'application/json', accept: 'application/json' };
/** The longest pause between two statements while requests are in flight. */
const SETTLE_MS = 100;
/** The longest round while waiting for a response. */
const MAX_SECONDS = 8;
/** How often autocannon checks whether time is up. */
const SAMPLE_MS = 50;
/** More varied requests than any server here handles. If they were used up, requests would repeat, and too few statements be counted. */
const MAX_VARIED_A_SECOND = 10_000;

let serial = 0;

/**
 * Puts load on one server: each connection sends its next request when it has the last response. A round without any response,
 * on a busy machine, is repeated with twice the time.
 * @throws CliError when requests fail, or there is no response within `MAX_SECONDS`
 */
export async function runRound(options: RoundOptions): Promise<Round> {
  const { child, path, caseName } = options;
  // Fills the cache, so that all requests of the round are hits.
  if (!options.varied) await requestOnce(child, path, caseName);
  for (let { seconds } = options; ; seconds *= 2) {
    const round = await measuredRound({ ...options, seconds });
    if (round !== undefined) return round;
    if (seconds >= MAX_SECONDS)
      throw new CliError(`${path} of ${child.url}: expected a response within ${seconds} s, got none`);
  }
}

/** Undefined when there was no response. */
async function measuredRound(options: RoundOptions): Promise<Round | undefined> {
  const { child, countStatements } = options;
  const cacheBefore = await cacheResults(options);
  const [statementsBefore, cpuBefore] = [await countStatements(), await child.cpuMs()];
  const { latencies, elapsedMs, sent } = await load(options);
  await settled(countStatements);
  const cpuMs = (await child.cpuMs()) - cpuBefore;
  const statements = (await countStatements()) - statementsBefore;
  const cacheAfter = await cacheResults(options);
  const count = latencies.length;
  if (count === 0) return undefined;
  latencies.sort((a, b) => a - b);
  return {
    requestsPerSecond: (count / elapsedMs) * 1_000,
    p50Ms: latencies[Math.floor(count * 0.5)] ?? Number.NaN,
    p99Ms: latencies[Math.floor(count * 0.99)] ?? Number.NaN,
    cpuMs: cpuMs / sent,
    statements: statements / sent,
    cacheResults: Object.fromEntries(
      [...cacheAfter].map(([result, seen]) => [result, (seen - (cacheBefore.get(result) ?? 0)) / sent]),
    ),
  };
}

/**
 * Waits for requests in flight at the end of a round, whose statements count too: until the number of statements stays the same.
 */
async function settled(countStatements: () => Promise<number>): Promise<void> {
  let before = Number.NaN;
  for (let now = await countStatements(); now !== before; now = await countStatements()) {
    before = now;
    await delay(SETTLE_MS);
  }
}

/** How often the gateway's cache has reported each result so far; NEAR is a hit in its memory. */
async function cacheResults({ child, path }: RoundOptions): Promise<ReadonlyMap<string, number>> {
  if (path !== '/graphql') return new Map();
  const metrics = await (await fetch(`${child.url}/metrics`)).text();
  const found = metrics.matchAll(/^concierge_cache_results_total\{result="(\w+)"\} (\d+)$/gm);
  const results = new Map([...found].map(([, result = '', count]) => [result, Number(count)]));
  const near = Number(/^concierge_cache_near_hits_total (\d+)$/m.exec(metrics)?.[1] ?? 0);
  return results.set('NEAR', near).set('HIT', (results.get('HIT') ?? 0) - near);
}

interface Load {
  readonly latencies: number[];
  readonly elapsedMs: number;
  /** Including requests that were still without a response at the end. */
  readonly sent: number;
}

async function load(options: RoundOptions): Promise<Load> {
  const { child, path, varied, hasOwnHeader = false, seconds, connections } = options;
  const eachConnection = varied || hasOwnHeader ? Math.ceil((MAX_VARIED_A_SECOND * seconds) / connections) : 1;
  const latencies: number[] = [];
  const failures: string[] = [];
  let began = 0;
  let ended = 0;
  const running = new EventEmitter();
  const tracker = autocannon(
    {
      url: `${child.url}${path}`,
      method: 'POST',
      connections,
      duration: seconds,
      sampleInt: SAMPLE_MS,
      timeout: 10,
      setupClient: (client) => client.setRequests(requests(options, eachConnection)),
    },
    (error, result) => (error ? running.emit('error', error) : running.emit('done', result.requests.sent)),
  );
  tracker.on('start', () => {
    began = performance.now();
  });
  // autocannon's own histogram has a resolution of milliseconds.
  tracker.on('response', (...[, status, , ms]) => {
    latencies.push(ms);
    ended = performance.now();
    if (status !== 200) failures.push(`status ${status}`);
  });
  tracker.on('reqError', (error: Error) => failures.push(error.message));
  const [sent] = (await once(running, 'done')) as [number];
  if (failures.length > 0)
    throw new CliError(
      `${path} of ${child.url}: ${failures.length} of ${sent} requests failed, such as: ${failures[0]}`,
    );
  return { latencies, elapsedMs: ended - began, sent };
}

/** The requests that one connection sends, one after the other. */
function requests(options: RoundOptions, count: number): autocannon.Request[] {
  const { child, caseName, varied, hasOwnHeader = false } = options;
  return Array.from({ length: count }, () => {
    serial += 1;
    const headers = { ...HEADERS, ...child.headers, ...(hasOwnHeader ? { 'x-serial': String(serial) } : {}) };
    return { headers, body: requestBody(CASES[caseName], varied ? serial : 0) };
  });
}

/** Sends the repeated request once. */
export async function requestOnce(child: Child, path: string, name: CaseName): Promise<string> {
  const response = await fetch(`${child.url}${path}`, {
    method: 'POST',
    headers: { ...HEADERS, ...child.headers },
    body: requestBody(CASES[name], 0),
  });
  const text = await response.text();
  if (response.status !== 200 || 'errors' in (JSON.parse(text) as object))
    throw new CliError(`${name}: expected status 200 without errors, got ${response.status}: ${text.slice(0, 300)}`);
  return text;
}
