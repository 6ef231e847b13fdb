import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase as connect } from '../../src/db/database.ts';
import { sharedKey } from '../../src/db/shared-key.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, processlist, redisUrl, withConnection, type TestDatabase } from '../support/servers.ts';

const PAGE = `query P($first: Int = 20, $after: String) {
  customers(orderBy: { field: NAME }, first: $first, after: $after) { edges { cursor node { name } } }
}`;

interface Edge {
  readonly cursor: string;
  readonly node: { readonly name: string };
}

const opened: { close(): Promise<unknown> }[] = [];

async function seededDatabase(): Promise<TestDatabase> {
  const database = await createDatabase();
  opened.push({ close: database.drop });
  await seedDatabase({ databaseUrl: database.url, customers: 20, ordersPerCustomer: 1, seed: 1 });
  return database;
}

async function start({ url }: TestDatabase, given: { redisUrl?: string; prefix?: string } = {}): Promise<TestGateway> {
  const { redisUrl: redis, prefix } = given;
  const gateway = await startGateway({
    databaseUrl: url,
    ...(redis !== undefined && { redisUrl: redis }),
    settings: { ...PATIENT, ...(prefix !== undefined && { CACHE_PREFIX: prefix }) },
  });
  opened.push(gateway);
  return gateway;
}

const edges = async (gateway: TestGateway, variables: object = {}): Promise<Edge[]> =>
  (await gateway.data(PAGE, { ...variables })).customers.edges;

async function expectRefused(gateway: TestGateway, cursor: string | undefined): Promise<void> {
  const { status, errors } = await gateway.request(PAGE, { variables: { after: cursor } });
  expect(errors.map(({ message, extensions }) => [extensions.code, message.slice(0, 61)])).toEqual([
    ['BAD_USER_INPUT', 'Argument "after": expected a cursor from this list, got "' + cursor?.slice(0, 4)],
  ]);
  expect(status).toBeLessThan(500);
}

const sql = (database: TestDatabase, statement: string) =>
  withConnection(database.url, (connection) => connection.query<Record<string, unknown>[]>(statement));

/** Waits until so many gateways wait for the database to take their key. */
const untilMakingKeys = ({ url }: TestDatabase, gateways: number) =>
  until(
    'all gateways to be making a key',
    () =>
      withConnection(url, (connection) =>
        connection.query<unknown[]>(
          `SELECT 1 FROM ${processlist(connection)}
           WHERE db = DATABASE() AND info LIKE 'INSERT%gateway_keys%'`,
        ),
      ),
    (waiting) => waiting.length === gateways,
  );

afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close();
});

describe('gateways on one database', () => {
  test('return the same cursors and accept each other’s, before and after a restart', async () => {
    const database = await seededDatabase();
    const [one, other] = [await start(database), await start(database)];
    const given = await edges(one);
    expect(given).toHaveLength(20);
    expect(new Set(given.map(({ cursor }) => cursor)).size).toBe(20);
    expect(await edges(one)).toEqual(given);
    expect(await edges(other)).toEqual(given);
    await Promise.all([one.close(), other.close()]);
    const restarted = await start(database);
    expect(await edges(restarted)).toEqual(given);
    for (const [i, { cursor }] of given.entries())
      expect(await edges(restarted, { after: cursor })).toEqual(given.slice(i + 1));
  });

  test('agree on a key if they start at the same time and there is none yet', async () => {
    const database = await seededDatabase();
    const gateways = await withConnection(database.url, async (connection) => {
      // Reads go on, so each gateway finds no key, and makes one as soon as it can.
      await connection.query('LOCK TABLES gateway_keys READ');
      const starting = [1, 2, 3].map(() => start(database));
      await untilMakingKeys(database, 3);
      await connection.query('UNLOCK TABLES');
      return Promise.all(starting);
    });
    const [first, ...others] = await Promise.all(gateways.map((gateway) => edges(gateway)));
    for (const other of others) expect(other).toEqual(first);
    for (const gateway of gateways)
      expect(await edges(gateway, { after: first?.[4]?.cursor })).toEqual(first?.slice(5));
    expect(await sql(database, 'SELECT name, CAST(LENGTH(value) AS CHAR) AS bytes FROM gateway_keys')).toEqual([
      { name: 'cursors', bytes: '64' },
    ]);
  });

  test('agree on a key even if the database ends a start’s write to resolve a conflict', async () => {
    const database = await seededDatabase();
    const gateways = await withConnection(database.url, async (connection) => {
      await connection.beginTransaction();
      await connection.query("INSERT INTO gateway_keys (name, value) VALUES ('cursors', REPEAT('k', 64))");
      const starting = [1, 2].map(() => start(database));
      await untilMakingKeys(database, 2);
      // Each has asked for a shared lock on the row, to see whether it stays. Now both get it, and neither can insert: a deadlock.
      await connection.rollback();
      return Promise.all(starting);
    });
    const [one, other] = await Promise.all(gateways.map((gateway) => edges(gateway)));
    expect(other).toEqual(one);
  });
});

describe('a gateway', () => {
  test('refuses the cursors of another database', async () => {
    const [here, there] = [await start(await seededDatabase()), await start(await seededDatabase())];
    const [own, foreign] = [await edges(here), await edges(there)];
    expect(foreign.map(({ node }) => node)).toEqual(own.map(({ node }) => node));
    for (const [i, { cursor }] of foreign.entries()) {
      expect(cursor).not.toBe(own[i]?.cursor);
      await expectRefused(here, cursor);
    }
  });

  test('makes a new key if the old one is lost, and then serves no cached response with the old cursors', async () => {
    const database = await seededDatabase();
    const cache = { redisUrl: redisUrl(), prefix: `cursor-key-${process.pid}:` };
    const before = await start(database, cache);
    await untilRedisUp(before);
    const given = await edges(before);
    expect((await before.request(PAGE)).headers.get('x-cache')).toBe('HIT');
    await sql(database, 'DELETE FROM gateway_keys');
    // A running gateway keeps the key that it has.
    expect(await edges(before, { after: given[9]?.cursor })).toEqual(given.slice(10));
    await before.close();
    const after = await start(database, cache);
    await untilRedisUp(after);
    const now = await edges(after);
    expect(now.map(({ node }) => node)).toEqual(given.map(({ node }) => node));
    expect(await edges(after, { after: now[9]?.cursor })).toEqual(now.slice(10));
    for (const { cursor } of given) await expectRefused(after, cursor);
  });

  test.each([
    [
      'a key of another length',
      "INSERT INTO gateway_keys (name, value) VALUES ('cursors', 'short')",
      /64 bytes, got 5\. /,
    ],
    ['no table of keys', 'DROP TABLE gateway_keys', /gateway_keys is not there: run "npm run migrate" first/],
  ])('does not start on a database with %s, and says so', async (_, statement, message) => {
    const database = await createDatabase();
    opened.push({ close: database.drop });
    await sql(database, statement);
    await expect(start(database)).rejects.toThrow(message);
    // It has closed its connections.
    await until(
      'no connection to the database',
      () =>
        withConnection(database.url, (connection) =>
          connection.query<unknown[]>(
            `SELECT 1 FROM ${processlist(connection)} WHERE db = DATABASE() AND id <> CONNECTION_ID()`,
          ),
        ),
      (open) => open.length === 0,
    );
  });
});

test('an existing key is read without writing anything', async () => {
  const database = await createDatabase();
  opened.push({ close: database.drop });
  const db = await connect({
    url: database.url,
    connections: 2,
    statementMs: 600_000,
    waitMs: 600_000,
    metrics: createMetrics(),
  });
  opened.push(db);
  const key = await sharedKey(db.client, { name: 'cursors', bytes: 64 });
  await withConnection(database.url, async (connection) => {
    await connection.query('LOCK TABLES gateway_keys READ');
    expect(await sharedKey(db.client, { name: 'cursors', bytes: 64 })).toEqual(key);
    await connection.query('UNLOCK TABLES');
  });
  expect(await sharedKey(db.client, { name: 'others', bytes: 32 })).not.toEqual(key);
});

describe('the cursors of a list or search do not reveal the values that it sorts by', () => {
  let database: TestDatabase;
  let gateway: TestGateway;
  const HIDDEN = { name: 'Wilhelmina Xylander', email: 'wilhelmina.x@example.org', phone: '+4930987654321' };
  beforeAll(async () => {
    database = await createDatabase();
    gateway = await startGateway({ databaseUrl: database.url, settings: PATIENT });
    const { createCustomer } = await gateway.data(
      `mutation C($input: CreateCustomerInput!) { createCustomer(input: $input) { userErrors { message } } }`,
      { input: { ...HIDDEN, phone: { number: HIDDEN.phone } } },
    );
    expect(createCustomer.userErrors).toEqual([]);
  });
  afterAll(async () => {
    await gateway.close();
    await database.drop();
  });

  test.each([
    ['customers by name', 'customers(orderBy: { field: NAME })'],
    ['customers with a phone', `customers(filter: { phone: "${HIDDEN.phone}" })`],
    ['a search by name', 'searchCustomers(text: "Wilh")'],
    ['a search by email', 'searchCustomers(text: "wilhelmina.x@")'],
    ['a search by phone', 'searchCustomers(text: "+4930987")'],
  ])('%s', async (_, field) => {
    const selection = 'edges { cursor node { email } } pageInfo { startCursor endCursor }';
    const { page } = await gateway.data(`{ page: ${field} { ${selection} } }`);
    expect(page.edges[0].node.email).toBe(HIDDEN.email);
    const { cursor } = page.edges[0];
    expect(page.pageInfo).toEqual({ startCursor: cursor, endCursor: cursor });
    // In base64 a text looks different at each of four places.
    for (let skipped = 0; skipped < 4; skipped += 1) {
      const seen = Buffer.from(cursor.slice(skipped), 'base64url').toString('latin1').toLowerCase();
      for (const text of [...Object.values(HIDDEN), 'wilhelmina', 'xylander', 'example.org', '30987654321'])
        expect(seen).not.toContain(text.toLowerCase());
    }
  });
});
