import { randomBytes } from 'node:crypto';
import { createRandom } from '../../src/data/seed/random.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { pause } from '../support/patience.ts';
import { startOwnServers, withConnection } from '../support/servers.ts';
import { createCacheModel } from './cache-model.ts';
import { createFactModel } from './fact-model.ts';
import { PLACES, QUIET, whileAsking } from './partition-clients.ts';
import type { MutantName } from './mutants.ts';
import { observeRedis } from './observed-redis.ts';
import { createFaults, type Breakable, type FaultName } from './partition-faults.ts';
import { startCuttable } from './three-gateways.ts';

const BODIES = 12;
/** Longer than the lifetime of a response with interactions. */
const CALM_MS = 35_000;

/** Three gateways that share a database and a Redis. */
export interface Partitioned extends Breakable {
  readonly close: () => Promise<void>;
}

/** @param mutant a part of the cache that is switched off in all three */
export async function startPartitioned(mutant?: MutantName): Promise<Partitioned> {
  const servers = await startOwnServers();
  const { url } = servers.database;
  await seedDatabase({ databaseUrl: url, customers: QUIET, ordersPerCustomer: 1, seed: 1 });
  await withConnection(url, async (connection) => {
    // Their states are those that the other customers never have.
    await connection.query("UPDATE customers SET owner_id = (SELECT MIN(id) FROM agents), status = 'LEAD'");
    const insert = `INSERT INTO interactions (customer_id, kind, body, occurred_at) VALUES (?, 'NOTE', ?, '2026-01-01')`;
    for (let id = 1; id <= QUIET; id += 1)
      for (let body = 0; body < BODIES; body += 1)
        await connection.query(insert, [id, randomBytes(7_000).toString('base64')]);
  });
  const redis = observeRedis(servers.redis.url);
  const gateways = await Promise.all([1, 2, 3].map(() => startCuttable(servers, mutant)));
  const close = async (): Promise<void> => {
    await Promise.all(gateways.map((gateway) => gateway.close()));
    redis.close();
    await servers.close();
  };
  return { servers, redis, gateways, onlyRead: new Set(), close };
}

/** What the gateways have counted. */
const COUNTED = {
  'hits in Redis and in memory': 'concierge_cache_results_total{result="HIT"}',
  'hits in memory': 'concierge_cache_near_hits_total',
  'stale hits': 'concierge_cache_results_total{result="STALE"}',
  'misses because of a write': 'concierge_cache_misses_total{reason="invalidated"}',
  'waits until a write was acknowledged': 'concierge_cache_near_waits_total{outcome="acknowledged"}',
  'waits until a lease had ended': 'concierge_cache_near_waits_total{outcome="ended"}',
  'waits because the registry was lost': 'concierge_cache_near_waits_total{outcome="unknown"}',
  suspensions: 'concierge_cache_suspensions_total',
} as const;

type Kind = keyof typeof COUNTED | 'hits in Redis' | 'lapses' | 'writes' | 'reads' | 'facts';
export type Counts = Readonly<Record<Kind, number>>;

/** What has happened in a run so far. */
export interface Progress {
  readonly rounds: number;
  readonly counts: Counts;
  readonly illegal: readonly string[];
  /** How often each fault was injected. */
  readonly faults: ReadonlyMap<string, number>;
  /** Those that were not injected yet. */
  readonly missing: readonly string[];
  /** How often each mutation was made. */
  readonly mutations: ReadonlyMap<string, number>;
}

interface RunOptions {
  readonly seed: number;
  /** Asked after each round. */
  readonly goesOn: (progress: Progress) => boolean;
  /** Whether there are times without faults, in which the lifetimes of responses end, and longer ones between the faults. */
  readonly isLong: boolean;
  /** The faults that are injected, by their names; all if left out. */
  readonly only?: readonly FaultName[];
}

/** Counts the entries by which gateways have noted that they may have missed a write. */
function createLapseCount({ redis }: Partitioned): () => Promise<number> {
  let [last, count] = ['0-0', 0];
  return async () => {
    const entries = await redis.client.xrange('concierge:invalidations', `(${last}`, '+');
    last = entries.at(-1)?.[0] ?? last;
    count += entries.filter(([, [, tags = '']]) => tags.split(' ').some((tag) => /^\*./.test(tag))).length;
    return count;
  };
}

const sumOf = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0);

/** Lets clients read and write while one thing after another breaks. */
export async function runPartitions(
  partitioned: Partitioned,
  { seed, goesOn, isLong, only }: RunOptions,
): Promise<Progress> {
  const { gateways } = partitioned;
  const model = createCacheModel(QUIET);
  const facts = createFactModel(PLACES);
  const mutations = new Map<string, number>();
  const first = gateways[0]?.ask;
  if (first === undefined) throw new Error('expected a gateway');
  for (let id = 1; id <= QUIET; id += 1) await model.write(first, id);
  const random = createRandom(seed, 0);
  const writeQuiet = () => model.write(random.pick(gateways).ask, QUIET);
  const failing = new AbortController();
  const unlessFailed = (count: () => number) => (): number => {
    failing.signal.throwIfAborted();
    return count();
  };
  const own = { count: unlessFailed(model.writes), longReads: unlessFailed(model.longReads), write: writeQuiet };
  const faults = createFaults(partitioned, own).filter(([name]) => only?.includes(name) ?? true);
  const injected = new Map<string, number>();
  const lapses = createLapseCount(partitioned);
  const sum = async (name: string): Promise<number> =>
    sumOf(await Promise.all(gateways.map((gateway) => gateway.metric(name))));
  const progress = async (rounds: number): Promise<Progress> => {
    const sums = await Promise.all(
      Object.entries(COUNTED).map(async ([kind, name]) => [kind, await sum(name)] as const),
    );
    const counted = Object.fromEntries(sums) as Record<keyof typeof COUNTED, number>;
    const inRedis = counted['hits in Redis and in memory'] - counted['hits in memory'];
    const others = {
      'hits in Redis': inRedis,
      lapses: await lapses(),
      writes: model.writes() + sumOf(mutations.values()),
      reads: model.reads() + facts.reads(),
      facts: facts.facts(),
    };
    const missing = faults.map(([name]) => name).filter((name) => !injected.has(name));
    return {
      rounds,
      counts: { ...counted, ...others },
      illegal: [...model.illegal, ...facts.illegal],
      faults: injected,
      missing,
      mutations,
    };
  };
  let calms = 0;
  const round = async ({ missing }: Progress): Promise<void> => {
    if (isLong && (random.chance(10) || (missing.length === 0 && calms === 0))) {
      calms += 1;
      await pause(CALM_MS);
      await writeQuiet();
    }
    const left = missing.length === 0 || isLong ? faults : faults.filter(([name]) => missing.includes(name));
    const [name, inject] = random.pick(left);
    await inject(random);
    injected.set(name, (injected.get(name) ?? 0) + 1);
    await pause(random.between(10, isLong ? 2_000 : 500));
  };
  let now = await progress(0);
  await whileAsking(partitioned, { model, seed, facts, mutations, failing }, async () => {
    for (; !failing.signal.aborted && goesOn(now); now = await progress(now.rounds + 1)) await round(now);
  });
  return progress(now.rounds);
}
