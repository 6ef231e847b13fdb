import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { lockTable, type TableLock } from '../faults/table-lock.ts';
import {
  ANY_COST,
  MANY_AT_ONCE,
  PATIENT,
  startGateway,
  type Answer,
  type TestGateway,
  untilRedisUp,
} from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import { createDatabase, processlist, redisUrl, withConnection, type TestDatabase } from '../support/servers.ts';

const UPDATE = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';
const WAITING = 'concierge_cache_waiting';
const cacheOf = ({ headers }: Answer) => headers.get('x-cache');

/** Reads the customer first, and then waits for the lock of its orders. Each test has its own, since it stays in the cache. */
const pageOf = (id: number) =>
  `{ customer(by: {id: "${nodeId('Customer', id)}"}) { name orders(first: 1) { nodes { number } } } }`;

const settingsOf = ({ url }: TestDatabase) => ({
  CACHE_PREFIX: `${new URL(url).pathname}:`,
  LIMIT_REQUESTS: '2000',
  LIMIT_REQUESTS_PER_CLIENT: '2000',
  ...PATIENT,
  ...MANY_AT_ONCE,
  ...ANY_COST,
  LIMIT_ALIASES: '1000000',
  LIMIT_ROOT_FIELDS: '100',
});

describe('equal requests at the same time', () => {
  let database: TestDatabase;
  let a: TestGateway;
  let b: TestGateway;
  let lock: TableLock | undefined;
  let redis: Redis;
  let known: ReadonlySet<string>;
  beforeAll(async () => {
    redis = new Redis(redisUrl());
    database = await createDatabase();
    await seedDatabase({ databaseUrl: database.url, customers: 20, ordersPerCustomer: 2, seed: 1 });
    const start = () =>
      startGateway({ databaseUrl: database.url, redisUrl: redisUrl(), settings: settingsOf(database) });
    [a, b] = [await start(), await start()];
    await untilRedisUp(a, b);
  });
  beforeEach(async () => {
    known = new Set(await redis.keys('*'));
  });
  afterEach(async () => {
    await lock?.release();
    lock = undefined;
  });
  afterAll(async () => {
    redis.disconnect();
    await Promise.all([a.close(), b.close()]);
    await database.drop();
  });

  const executions = async () =>
    (await a.metric('concierge_executions_total')) + (await b.metric('concierge_executions_total'));
  const executionsOf = async (run: () => Promise<unknown>) => {
    const before = await executions();
    await run();
    return (await executions()) - before;
  };
  /** Executions that a machine may cause by being busy: a lease was not renewed in time, or a look-up not believed. */
  const excused = () => sumOf(/^concierge_cache_\w+\{\w+="(?:taken over|BYPASS)"\} (\d+)$/gm);
  const statements = () => sumOf(/^concierge_sql_statements_total\{statement="(?!Cache suspensions)[^"]+"\} (\d+)$/gm);
  /** Over both gateways. */
  const sumOf = async (pattern: RegExp): Promise<number> => {
    const texts = await Promise.all([a, b].map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
    return [...texts.join('\n').matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  const waiting = (of: TestGateway, count: number) =>
    until(
      `${count} requests to wait for an equal one`,
      () => of.metric(WAITING),
      (now) => now === count,
    );
  const orders = async (): Promise<TableLock> => (lock = await lockTable(database.url, 'orders'));
  const rename = async (id: number, name: string) => {
    const { updateCustomer } = await b.data(UPDATE, { input: { id: nodeId('Customer', id), name } });
    expect(updateCustomer.userErrors).toEqual([]);
  };
  /** Ends the statement that waits for the lock. */
  const failStatement = () =>
    withConnection(database.url, async (other) => {
      const [statement] = await other.query<{ id: number }[]>(
        `SELECT id FROM ${processlist(other)} WHERE db = DATABASE() AND info LIKE '%FROM orders %' AND id <> CONNECTION_ID()`,
      );
      await other.query(`KILL QUERY ${statement?.id}`);
    });
  const nameIn = (answer: Answer) => [answer.errors, answer.data?.customer.name];

  test('share one execution of two statements, a thousand of them over two gateways', async () => {
    const locked = await orders();
    const before = { excused: await excused(), executions: await executions(), statements: await statements() };
    const executed = executionsOf(async () => {
      const asked = Array.from({ length: 1_000 }, (_, i) => (i % 2 ? a : b).request(pageOf(1)));
      await locked.waiting(1);
      const arrived = async () =>
        (await a.metric(WAITING)) + (await b.metric(WAITING)) + (await executions()) - before.executions;
      // But for the one on the other gateway that all others there wait for.
      await until('all requests to have arrived', arrived, (count) => count >= 999);
      await locked.release();
      const answers = await Promise.all(asked);
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
    });
    const times = await executed;
    expect(times - ((await excused()) - before.excused)).toBe(1);
    // The customer, and a page of its orders.
    expect((await statements()) - before.statements).toBe(2 * times);
  });

  test('do not wait for one on another gateway that waits for its own turn', async () => {
    const locked = await orders();
    const settings = { ...settingsOf(database), LIMIT_CONCURRENT_COST_PER_CLIENT: '1' };
    const narrow = await startGateway({ databaseUrl: database.url, redisUrl: redisUrl(), settings });
    try {
      await untilRedisUp(narrow);
      const holding = narrow.request(pageOf(9));
      await locked.waiting(1);
      const query = `{ customer(by: {id: "${nodeId('Customer', 10)}"}) { name } }`;
      const queued = narrow.request(query);
      await until(
        'the request to wait for its turn, with the lease',
        () => narrow.metric('concierge_executions_total'),
        (count) => count === 2,
      );
      expect((await b.request(query)).errors).toEqual([]);
      await locked.release();
      expect((await holding).errors).toEqual([]);
      expect((await queued).errors).toEqual([]);
    } finally {
      await narrow.close();
    }
  });

  test('share none that began before a write, once the write is answered', async () => {
    const locked = await orders();
    const first = a.request(pageOf(2));
    await locked.waiting(1);
    const second = a.request(pageOf(2));
    await waiting(a, 1);
    await rename(2, 'Written Between');
    const third = a.request(pageOf(2));
    await waiting(a, 2);
    await locked.release();
    expect(nameIn(await third)).toEqual([[], 'Written Between']);
    expect(nameIn(await first)).toEqual([[], expect.not.stringMatching('Written Between')]);
    expect((await second).errors).toEqual([]);
    const later = await a.request(pageOf(2));
    expect([cacheOf(later), ...nameIn(later)]).toEqual(['HIT', [], 'Written Between']);
  });

  test('lose nothing when the client goes away that sent the first', async () => {
    const locked = await orders();
    const goes = new AbortController();
    const executed = executionsOf(async () => {
      const first = fetch(`${a.url}/graphql?${new URLSearchParams({ query: pageOf(3) })}`, { signal: goes.signal });
      await locked.waiting(1);
      const second = a.request(pageOf(3));
      await waiting(a, 1);
      goes.abort();
      await expect(first).rejects.toThrow('aborted');
      const inFlight = () => a.metric('concierge_http_requests_in_flight');
      // The second one, and the one for the metrics.
      await until('the first request to be given up', inFlight, (count) => count === 2);
      await locked.release();
      expect((await second).errors).toEqual([]);
    });
    expect(await executed).toBe(1);
  });

  test('stop in the queue of the database when nobody waits for them any more', async () => {
    const locked = await orders();
    const goes = new AbortController();
    const query = new URLSearchParams({ query: pageOf(4) });
    const asked = [1, 2].map(() => fetch(`${a.url}/graphql?${query}`, { signal: goes.signal }));
    await locked.waiting(1);
    await waiting(a, 1);
    goes.abort();
    for (const one of asked) await expect(one).rejects.toThrow('aborted');
    await waiting(a, 0);
    // Joins nothing that was given up.
    const next = a.request(pageOf(4));
    await locked.waiting(2);
    await locked.release();
    expect((await next).errors).toEqual([]);
  });

  test('of which the first fails are executed again, once for all others', async () => {
    const locked = await orders();
    const executed = executionsOf(async () => {
      const first = a.request(pageOf(5));
      await locked.waiting(1);
      const others = Array.from({ length: 5 }, () => a.request(pageOf(5)));
      await waiting(a, 5);
      await failStatement();
      expect((await first).errors).toHaveLength(1);
      await waiting(a, 4);
      await locked.waiting(1);
      await locked.release();
      for (const one of await Promise.all(others)) expect(one.errors).toEqual([]);
    });
    expect(await executed).toBe(2);
  });

  test('use an execution that began after they came, whatever was written since', async () => {
    const locked = await orders();
    const executed = executionsOf(async () => {
      const first = a.request(pageOf(11));
      await locked.waiting(1);
      const others = Array.from({ length: 5 }, () => a.request(pageOf(11)));
      await waiting(a, 5);
      await failStatement();
      expect((await first).errors).toHaveLength(1);
      // One of them began when all had come, and the others wait for it.
      await waiting(a, 4);
      await locked.waiting(1);
      await rename(11, 'Written Since');
      // This gateway knows of it by now.
      expect((await a.request('{ agents(first: 1) { nodes { name } } }')).errors).toEqual([]);
      await locked.release();
      for (const one of await Promise.all(others)) expect(one.errors).toEqual([]);
    });
    // The first and the next one, the agents and the write.
    expect(await executed).toBe(4);
    expect(nameIn(await a.request(pageOf(11)))).toEqual([[], 'Written Since']);
  });

  test('are executed each if they ask for a new response', async () => {
    const locked = await orders();
    const executed = executionsOf(async () => {
      const asked = [{}, { 'cache-control': 'no-cache' }, { 'cache-control': 'no-cache' }];
      const answers = asked.map((headers) => a.request(pageOf(6), { headers }));
      await locked.waiting(3);
      await locked.release();
      expect((await Promise.all(answers)).map(cacheOf)).toEqual(['MISS', 'BYPASS', 'BYPASS']);
    });
    expect(await executed).toBe(3);
  });

  test('on two gateways share an execution that began before a write as little as on one', async () => {
    const locked = await orders();
    const first = a.request(pageOf(7));
    await locked.waiting(1);
    await rename(7, 'Written On Another');
    const other = b.request(pageOf(7));
    await locked.release();
    expect(nameIn(await other)).toEqual([[], 'Written On Another']);
    expect((await first).errors).toEqual([]);
  });

  test('wait for no gateway that has died: its lease ends', async () => {
    const query = pageOf(8);
    await a.request(query);
    const prefix = new URL(database.url).pathname;
    const key = (await redis.keys(`${prefix}:response:*`)).find((name) => !known.has(name));
    if (key === undefined) throw new Error('the response is not stored');
    // As a gateway leaves it that is killed while it executes: nobody renews it.
    await redis.del(key);
    await redis.set(`${prefix}:lease:{${key}}`, 'dead', 'PX', 1_000);
    const before = await a.metric('concierge_cache_waits_total');
    const executed = executionsOf(async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? a : b).request(query)));
      expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
    });
    expect(await executed).toBe(1);
    expect(await a.metric('concierge_cache_waits_total')).toBeGreaterThan(before);
  });

  test('do not wait for each other if their response is not stored', async () => {
    // Larger than what is stored, without errors.
    const pages = Array.from({ length: 20 }, (_, i) => `c${i}: customers(first: 20) { nodes { ...F } }`).join(' ');
    const fields = Array.from({ length: 15 }, (_, i) => `${'x'.repeat(200)}${i}: createdAt`).join(' ');
    const large = `{ ${pages} } fragment F on Customer { ${fields} }`;
    const locked = await lockTable(database.url, 'customers');
    lock = locked;
    const executed = executionsOf(async () => {
      const asked = [a, b, b].map((of) => of.request(large));
      await locked.waiting(1);
      await waiting(b, 1);
      await locked.release();
      for (const { errors, text } of await Promise.all(asked)) {
        expect(errors).toEqual([]);
        expect(text.length).toBeGreaterThan(1_000_000);
      }
    });
    // Once on each.
    expect(await executed).toBe(2);
  });
});
