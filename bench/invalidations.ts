import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { createRedis } from '../src/cache/redis.ts';
import { createResponseCache, type ResponseCache } from '../src/cache/response-cache.ts';
import { encodeStored } from '../src/cache/stored-response.ts';
import { parseConfig } from '../src/config.ts';
import { demo, startEmbeddedServers } from '../src/embedded/index.ts';
import { createRepresentation } from '../src/representation.ts';
import { createLog } from '../src/telemetry/log.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';

const HELP = `npm run bench:invalidations -- [options]
  --responses LIST  how many responses are stored, one after the other (default 1000,10000,100000,1000000)
  --writes N        how many writes are measured for each (default 2000)
  --growth N        how many times as long as with the fewest a write may take with the most, in the median (default 1.5)
Measures what a write costs the cache when it invalidates every stored response at once. A million of them take Redis 600 MB. Exits
with 1 if writes take longer, more commands or more bytes with more responses.`;

const TAG = 'Customer:1';
const BATCH = 5_000;
const KEPT_MS = 3_600_000;

const ANY = { refresh: false, maxAgeSeconds: Number.POSITIVE_INFINITY } as const;
const keyOf = (number: number) => ({ request: `r${number}`, access: 'a' });

const { values: options } = parseArgs({
  options: {
    responses: { type: 'string', default: '1000,10000,100000,1000000' },
    writes: { type: 'string', default: '2000' },
    growth: { type: 'string', default: '1.5' },
    help: { type: 'boolean', default: false },
  },
});

interface Cost {
  readonly responses: number;
  readonly commands: number;
  readonly bytes: number;
  readonly medianUs: number;
  readonly p99Us: number;
}

async function main(counts: readonly number[], writes: number): Promise<readonly Cost[]> {
  const servers = await startEmbeddedServers({
    dataDir: fileURLToPath(new URL('../.data/bench-invalidations', import.meta.url)),
    serversDir: demo.serversDir,
    database: false,
    databaseName: 'bench',
    redis: true,
    throwAway: true,
    report: (line) => void process.stderr.write(`${line}\n`),
  });
  const { redisUrl } = servers;
  if (redisUrl === undefined) throw new Error('no Redis was started');
  const log = createLog({ level: 'silent', readable: false, destination: new PassThrough() });
  const metrics = createMetrics();
  const client = createRedis({ urls: [redisUrl], timeoutMs: 10_000, log, metrics });
  const { enabled: _, ...config } = parseConfig({ CACHE_TIMEOUT_MS: '10000' }).cache;
  const urls = [redisUrl];
  const cache = createResponseCache({
    ...config,
    urls,
    redis: client,
    isShared: true,
    schemaHash: 'bench',
    log,
    metrics,
  });
  const control = new Redis(redisUrl);
  try {
    const costs: Cost[] = [];
    for (const responses of counts) {
      await store(control, cache, responses);
      costs.push(await measure(control, cache, { responses, writes }));
    }
    process.stdout.write(
      `| stored responses, all invalidated by each write | commands per write | bytes to Redis per write | median µs | 99 % µs |\n| ---: | ---: | ---: | ---: | ---: |\n${costs.map(lineOf).join('\n')}\n`,
    );
    return costs;
  } finally {
    await cache.close();
    control.disconnect();
    await client.close();
    await servers.stop();
  }
}

/** Stores responses that all show the same customer, and are fresh. */
async function store(control: Redis, cache: ResponseCache, responses: number): Promise<void> {
  const { position } = await missing(cache);
  for (let i = 0; i < responses;) {
    const batch = control.pipeline();
    for (const end = Math.min(responses, i + BATCH); i < end; i += 1) {
      const bytes = Buffer.from(JSON.stringify({ data: { customer: { name: 'Ada', number: i } } }));
      const representations = [createRepresentation('identity', bytes)];
      const response = { position, computedAtMs: Date.now(), lifetimeMs: KEPT_MS, tags: () => [TAG], representations };
      batch.set(cache.nameOf(keyOf(i)), encodeStored(response), 'PX', KEPT_MS);
    }
    await batch.exec();
  }
  const { result } = await lookup(cache, responses - 1);
  if (result !== 'HIT') throw new Error(`expected a response that may be used, got ${result}`);
}

async function measure(
  control: Redis,
  cache: ResponseCache,
  { responses, writes }: { readonly responses: number; readonly writes: number },
): Promise<Cost> {
  const before = await statistics(control);
  const times: number[] = [];
  for (let i = 0; i < writes; i += 1) {
    const began = performance.now();
    await cache.invalidate([TAG]);
    times.push(1_000 * (performance.now() - began));
  }
  const after = await statistics(control);
  const found = await lookup(cache, responses - 1);
  if (found.result !== 'MISS' || found.reason !== 'invalidated') throw new Error('expected an invalidated response');
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor((writes - 1) * part)] ?? Number.NaN;
  const perWrite = (name: keyof typeof after): number => (after[name] - before[name]) / writes;
  const [commands, bytes] = [perWrite('commands'), perWrite('bytes')];
  return { responses, commands, bytes, medianUs: at(0.5), p99Us: at(0.99) };
}

function lineOf({ responses, commands, bytes, medianUs, p99Us }: Cost): string {
  const cells = [responses.toLocaleString('en'), commands.toFixed(1), ...[bytes, medianUs, p99Us].map(Math.round)];
  return `| ${cells.join(' | ')} |`;
}

/** What grows with the number of responses. The regular check of Redis makes some commands and bytes more of a slow run. */
function growing(costs: readonly Cost[], growth: number): string[] {
  const [few, many] = [costs[0], costs.at(-1)];
  if (few === undefined || many === undefined) throw new Error('expected a number of responses, got none');
  const most = { commands: 1.5, bytes: 1.5, medianUs: growth } as const;
  return (['commands', 'bytes', 'medianUs'] as const)
    .filter((name) => !(many[name] <= most[name] * few[name]))
    .map((name) => `${name} per write: expected at most ${most[name]} times ${few[name]}, got ${many[name]}`);
}

async function statistics(control: Redis) {
  const text = await control.info('stats');
  const of = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1]);
  return { commands: of('total_commands_processed'), bytes: of('total_net_input_bytes') };
}

const lookup = (cache: ResponseCache, number: number) => cache.lookup(keyOf(number), { maxAgeSeconds: 60 }, ANY);

/** A look-up that finds nothing, once there is a connection to Redis. */
async function missing(cache: ResponseCache) {
  for (;;) {
    const found = await lookup(cache, -1);
    if (found.result === 'MISS') return found;
    await sleep(10);
  }
}

if (options.help) process.stdout.write(`${HELP}\n`);
else {
  const costs = await main(options.responses.split(',').map(Number), Number(options.writes));
  const found = growing(costs, Number(options.growth));
  for (const line of found) process.stderr.write(`${line}\n`);
  if (found.length > 0) process.exitCode = 1;
}
