import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import {
  BRIEF_DATABASE_WAIT,
  PATIENT,
  startGateway,
  type Answer,
  type TestGateway,
  readinessOf,
} from '../support/gateway.ts';
import { assertTime, measured, pause, until, within } from '../support/patience.ts';
import { processlist, startOwnServers, withConnection, type OwnServers } from '../support/servers.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { untilWholePool } from './table-lock.ts';

const BACK_MS = 10_000;
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
    startGateway({
      databaseUrl: servers.database.url,
      redisUrl: servers.redis.url,
      settings: { ...PATIENT, ...BRIEF_DATABASE_WAIT, ...settings },
    });
  const newList = (of: TestGateway) => timed(of.request(LIST, { variables: unique() }));

  const asRoot = (...statements: readonly string[]) =>
    withConnection(servers.database.url, async (connection) => {
      for (const statement of statements) await connection.query(statement);
    });

  const connectionsOf = (user: string) =>
    withConnection(servers.database.url, (connection) =>
      connection.query<{ id: bigint; command: string }[]>(
        `SELECT id, command FROM ${processlist(connection)} WHERE user = ? ORDER BY id`,
        [user],
      ),
    );

  const idleConnectionsOf = async (user: string) =>
    (await connectionsOf(user)).filter(({ command }) => command === 'Sleep');

  /** Waits until the response is stored: a gateway connects to Redis in the background. */
  async function cached(of: TestGateway): Promise<void> {
    await until(
      'the response to be stored',
      async () => (await of.request(CACHED)).headers.get('x-cache'),
      (result) => result === 'HIT',
    );
  }

  const untilAnswered = (ask: () => Promise<Answer>) =>
    until('a response without errors', ask, ({ errors }) => errors.length === 0);

  /** Expects reads and writes to work again without a restart. */
  async function expectBack(of: TestGateway): Promise<void> {
    await within(BACK_MS, 'the way back', () => untilAnswered(() => newList(of)));
    await until(
      'twenty responses at once',
      async () => (await Promise.all(Array.from({ length: 20 }, () => newList(of)))).flatMap(shown),
      (errors) => errors.length === 0,
    );
    const written = await untilAnswered(() => of.request(CREATE));
    expect(written.data.createCustomer.userErrors).toEqual([]);
    await untilWholePool(10, { databaseUrl: servers.database.url, table: 'customers' }, () => newList(of));
  }

  /** Expects what clients may see, and that nothing else about the server leaked or was treated as an error of our own. */
  function expectUnavailable(answers: readonly (Answer & { tookMs: number })[], withinMs: number): void {
    for (const answer of answers) {
      expect(shown(answer)).toEqual([UNAVAILABLE]);
      assertTime('the answer', answer.tookMs, withinMs);
      expect(answer.text).not.toMatch(/127\.0\.0\.1|ECONN|socket|SELECT|mariadb|prisma|pool|stack/i);
    }
  }

  test('is killed under load returns SERVICE_UNAVAILABLE within seconds, and works again once the database is back', async () => {
    const masked = await gateway.metric('concierge_masked_errors_total');
    await cached(gateway);
    const stop = new AbortController();
    const answered: (Answer & { tookMs: number })[] = [];
    const load = Array.from({ length: 20 }, async () => {
      while (!stop.signal.aborted) answered.push(await newList(gateway));
    });
    const failures = () => answered.filter(({ errors }) => errors.length > 0);
    await until(
      'the load to be there',
      () => answered.length,
      (count) => count >= 100,
    );
    await servers.database.kill();
    try {
      await until(
        'failures',
        () => failures().length,
        (count) => count >= 20,
      );
      stop.abort();
      await Promise.all(load);
      const failed = failures();
      expectUnavailable(failed, 5_000);
      const accept = { accept: 'application/graphql-response+json' };
      const read = timed(gateway.request(LIST, { variables: unique(), headers: accept }));
      const write = timed(gateway.request(CREATE, { headers: accept }));
      const answers = await Promise.all([read, write]);
      expectUnavailable(answers, 5_000);
      expect(answers.map(({ status }) => status)).toEqual([503, 503]);
      // Fresh responses in the cache need no database.
      expect((await gateway.request(CACHED)).headers.get('x-cache')).toBe('HIT');
    } finally {
      stop.abort();
      await servers.database.start();
    }
    await expectBack(gateway);
    expect(await gateway.metric('concierge_masked_errors_total')).toBe(masked);
  });

  test('hangs responds within the time limit of a request, and works again once the database does', async () => {
    const brief = await start({ LIMIT_REQUEST_MS: '3000', LIMIT_STATEMENT_MS: '2000', CACHE_PREFIX: 'brief:' });
    try {
      await cached(brief);
      servers.database.pause();
      await until(
        'the database to hang',
        () => readinessOf(brief),
        ({ dependencies }) => dependencies.database === 'down',
      );
      const asked = [...Array.from({ length: 15 }, () => newList(brief)), timed(brief.request(CREATE))];
      expect((await brief.request(CACHED)).headers.get('x-cache')).toBe('HIT');
      for (const answer of await Promise.all(asked)) {
        expect(['TIMEOUT', 'SERVICE_UNAVAILABLE']).toContain(answer.errors[0]?.extensions.code);
        assertTime('the answer', answer.tookMs, 3_500);
      }
    } finally {
      servers.database.resume();
    }
    await expectBack(brief);
    expect(await brief.metric('concierge_masked_errors_total')).toBe(0);
    await brief.close();
  });

  test('suddenly has another password returns SERVICE_UNAVAILABLE, and works again with the old password', async () => {
    await asRoot("CREATE USER crm IDENTIFIED BY 'old'", 'GRANT ALL ON crm.* TO crm');
    const databaseUrl = Object.assign(new URL(servers.database.url), { username: 'crm', password: 'old' }).href;
    const own = await startGateway({ databaseUrl });
    await own.data('{ customers { totalCount } }');
    // One that is being opened may still be opened with the old password, and MySQL keeps that password then, for later ones.
    await until(
      'a whole pool',
      () => idleConnectionsOf('crm'),
      ({ length }) => length === 10,
    );
    await asRoot("ALTER USER crm IDENTIFIED BY 'new'");
    await until(
      'its connections to be gone',
      async () => {
        const open = await connectionsOf('crm');
        for (const { id } of open) await asRoot(`KILL ${id}`).catch(() => undefined);
        return open.length;
      },
      (count) => count === 0,
    );
    expectUnavailable(await Promise.all([newList(own), newList(own)]), 5_000);
    await asRoot("ALTER USER crm IDENTIFIED BY 'old'");
    await expectBack(own);
    await own.close();
  });

  // Concurrent with the next one, which only waits.
  test.concurrent(
    'loses connections while they are being opened keeps running, and works once they can be opened',
    async () => {
      const proxy = await startCuttingProxy(Number(new URL(servers.database.url).port));
      const databaseUrl = Object.assign(new URL(servers.database.url), { port: String(proxy.port) }).href;
      const own = await startGateway({ databaseUrl, settings: { LIMIT_DATABASE_CONNECTIONS: '3' } });
      await own.data('{ customers { totalCount } }');
      // Each is cut while the driver sets up its session: authenticated, but not yet usable.
      proxy.cut(/SET /);
      expectUnavailable(await Promise.all([newList(own), newList(own)]), 5_000);
      expect(proxy.cuts()).toBeGreaterThan(0);
      proxy.cut(undefined);
      await within(BACK_MS, 'the way back', () => untilAnswered(() => newList(own)));
      await own.close();
      await proxy.close();
    },
  );

  test.concurrent('gets no statements for a while keeps its connections open', async () => {
    await asRoot("CREATE USER idle IDENTIFIED BY 'idle'", 'GRANT ALL ON crm.* TO idle');
    const databaseUrl = Object.assign(new URL(servers.database.url), { username: 'idle', password: 'idle' }).href;
    const settings = { LIMIT_STATEMENT_MS: '1000', LIMIT_DATABASE_CONNECTIONS: '3' };
    const brief = await startGateway({ databaseUrl, settings });
    const before = await until(
      'a whole pool',
      () => idleConnectionsOf('idle'),
      ({ length }) => length === 3,
    );
    // Longer than the statement timeout plus the allowance for its answer, after which a busy connection counts as dead.
    await pause(3_500);
    expect(await idleConnectionsOf('idle')).toEqual(before);
    await brief.close();
  });
});
