import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, type Answer, type TestGateway } from '../support/gateway.ts';
import { assertTime, measured, pause, until, within } from '../support/patience.ts';
import { startOwnServers, withConnection, type OwnServers } from '../support/servers.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { lockTable } from './table-lock.ts';

const BACK_MS = 10_000;
const UNAVAILABLE_MS = 5_000;
const LIST = 'query($text: String) { customers(first: 5, filter: {nameStartsWith: $text}) { nodes { name } } }';
const CREATE = 'mutation { createCustomer(input: {name: "Ada"}) { customer { id } userErrors { code } } }';
const CACHED = '{ customers(first: 3) { nodes { name } } }';
const UNAVAILABLE = { message: 'The database cannot be reached now; try again.', code: 'SERVICE_UNAVAILABLE' };

let turn = 0;
const unique = () => ({ text: `q${(turn += 1)}` });
const shown = ({ errors }: Answer) => errors.map(({ message, extensions }) => ({ message, code: extensions.code }));
const timed = async (answer: Promise<Answer>) => {
  const { result, tookMs } = await measured(() => answer);
  return { ...result, tookMs };
};

describe('a gateway whose database', () => {
  let servers: OwnServers;
  let gateway: TestGateway;
  beforeAll(async () => {
    servers = await startOwnServers();
    await seedDatabase({ databaseUrl: servers.database.url, customers: 50, ordersPerCustomer: 1, seed: 1 });
    gateway = await start({});
  });
  afterAll(async () => {
    await gateway.close();
    await servers.close();
  });

  const start = (settings: Readonly<Record<string, string>>) =>
    startGateway({ databaseUrl: servers.database.url, redisUrl: servers.redis.url, settings });
  const newList = (of: TestGateway) => timed(of.request(LIST, { variables: unique() }));

  /** Until the answer is stored: a gateway connects to Redis in the background. */
  async function cached(of: TestGateway): Promise<void> {
    const result = async () => (await of.request(CACHED)).headers.get('x-cache');
    await until('an answer from the cache', result, (found) => found === 'HIT');
  }

  /** Resolves once a list is answered without an error. */
  const isBack = (of: TestGateway) =>
    within(BACK_MS, 'coming back', () =>
      until(
        'an answer without an error',
        async () => shown(await newList(of)),
        (errors) => errors.length === 0,
      ),
    );

  /** Answers again, without a restart, for reads and writes. */
  async function expectBack(of: TestGateway): Promise<void> {
    await isBack(of);
    const answers = await Promise.all(Array.from({ length: 20 }, () => newList(of)));
    expect(answers.flatMap(shown)).toEqual([]);
    expect((await of.request(CREATE)).data.createCustomer.userErrors).toEqual([]);
    // Every connection of the pool can be had: as many reads as there are wait at once for a lock.
    const lock = await lockTable(servers.database.url, 'customers');
    const waiting = Array.from({ length: 10 }, () => newList(of));
    await lock.waiting(10);
    await lock.release();
    expect((await Promise.all(waiting)).flatMap(shown)).toEqual([]);
  }

  /** What the client may know, and that nothing else about the server got out or was taken for our own mistake. */
  function expectUnavailable(answers: readonly (Answer & { tookMs: number })[]): void {
    for (const answer of answers) {
      expect(shown(answer)).toEqual([UNAVAILABLE]);
      assertTime('saying that it is unavailable', answer.tookMs, UNAVAILABLE_MS);
      expect(answer.text).not.toMatch(/127\.0\.0\.1|ECONN|socket|SELECT|mariadb|prisma|pool|stack/i);
    }
  }

  test('is killed under load answers SERVICE_UNAVAILABLE within seconds, and again once it is back', async () => {
    const masked = await gateway.metric('concierge_masked_errors_total');
    await cached(gateway);
    const stop = new AbortController();
    let answered = 0;
    const load = Array.from({ length: 20 }, async () => {
      const answers: (Answer & { tookMs: number })[] = [];
      while (!stop.signal.aborted) {
        answers.push(await newList(gateway));
        answered += 1;
        // Each has met it by then.
        if (answers.at(-1)?.errors.length !== 0) break;
      }
      return answers;
    });
    await until(
      'answers to the load',
      () => answered,
      (count) => count >= 100,
    );
    await servers.database.kill();
    try {
      const failed = (await Promise.all(load)).flat().filter(({ errors }) => errors.length > 0);
      expect(failed).toHaveLength(20);
      expectUnavailable(failed);
      const accept = { accept: 'application/graphql-response+json' };
      const read = timed(gateway.request(LIST, { variables: unique(), headers: accept }));
      const write = timed(gateway.request(CREATE, { headers: accept }));
      const answers = await Promise.all([read, write]);
      expectUnavailable(answers);
      expect(answers.map(({ status }) => status)).toEqual([503, 503]);
      // What is fresh in the cache needs no database.
      expect((await gateway.request(CACHED)).headers.get('x-cache')).toBe('HIT');
    } finally {
      stop.abort();
      await servers.database.start();
    }
    await expectBack(gateway);
    expect(await gateway.metric('concierge_masked_errors_total')).toBe(masked);
  });

  test('hangs answers within the time that a request may take, and again once it goes on', async () => {
    const limits = { LIMIT_REQUEST_MS: '3000', LIMIT_STATEMENT_MS: '2000' };
    const brief = await start({ ...PATIENT, ...limits, CACHE_PREFIX: 'brief:' });
    try {
      await cached(brief);
      servers.database.pause();
      const asked = [...Array.from({ length: 15 }, () => newList(brief)), timed(brief.request(CREATE))];
      expect((await brief.request(CACHED)).headers.get('x-cache')).toBe('HIT');
      for (const answer of await Promise.all(asked)) {
        expect(['TIMEOUT', 'SERVICE_UNAVAILABLE']).toContain(answer.errors[0]?.extensions.code);
        assertTime('giving up', answer.tookMs, 3_500);
      }
    } finally {
      servers.database.resume();
    }
    await expectBack(brief);
    expect(await brief.metric('concierge_masked_errors_total')).toBe(0);
    await brief.close();
  });

  test('has another password all of a sudden answers SERVICE_UNAVAILABLE, and again with the old one', async () => {
    const asRoot = (...statements: readonly string[]) =>
      withConnection(servers.database.url, async (connection) => {
        for (const statement of statements) await connection.query(statement);
      });
    await asRoot("CREATE USER crm IDENTIFIED BY 'old'", 'GRANT ALL ON crm.* TO crm');
    const databaseUrl = Object.assign(new URL(servers.database.url), { username: 'crm', password: 'old' }).href;
    const own = await startGateway({ databaseUrl });
    await own.data('{ customers { totalCount } }');
    await asRoot("ALTER USER crm IDENTIFIED BY 'new'", 'KILL USER crm');
    expectUnavailable(await Promise.all([newList(own), newList(own)]));
    await asRoot("ALTER USER crm IDENTIFIED BY 'old'");
    await expectBack(own);
    await own.close();
  });

  test('loses connections while they are being opened goes on, and answers once it does not', async () => {
    const proxy = await startCuttingProxy(Number(new URL(servers.database.url).port));
    const databaseUrl = Object.assign(new URL(servers.database.url), { port: String(proxy.port) }).href;
    const own = await startGateway({ databaseUrl, settings: { LIMIT_DATABASE_CONNECTIONS: '3' } });
    await own.data('{ customers { totalCount } }');
    // Each is cut when the driver sets its session up: signed in, not yet there for anybody.
    proxy.cut(/SET /);
    expectUnavailable(await Promise.all([newList(own), newList(own)]));
    expect(proxy.cuts()).toBeGreaterThan(0);
    proxy.cut(undefined);
    await isBack(own);
    await own.close();
    await proxy.close();
  });

  test('is asked nothing for a while closes none of its connections', async () => {
    const brief = await start({ LIMIT_STATEMENT_MS: '10', LIMIT_DATABASE_CONNECTIONS: '3' });
    const connections = () =>
      withConnection(servers.database.url, (connection) =>
        connection.query<{ id: bigint }[]>(
          "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND command = 'Sleep' ORDER BY id",
        ),
      );
    const before = await until('idle connections', connections, (idle) => idle.length >= 3);
    // What is idle would be closed in a moment, if it were.
    await pause(2_500);
    expect(await connections()).toEqual(expect.arrayContaining(before));
    await brief.close();
  });
});
