import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import {
  BRIEF_DATABASE_WAIT,
  MANY_AT_ONCE,
  PATIENT,
  startGateway,
  type Answer,
  type TestGateway,
} from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { lockTable } from './table-lock.ts';

const UPDATE = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';
const CONNECTIONS = 10;

/** A gateway on its own database, with customers to update. */
interface Seeded {
  readonly database: TestDatabase;
  readonly gateway: TestGateway;
  /** Of the first customer. */
  readonly id: string;
  readonly close: () => Promise<void>;
}

async function startSeeded(settings: Readonly<Record<string, string>> = {}): Promise<Seeded> {
  const database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 20, ordersPerCustomer: 1, seed: 1 });
  const gateway = await startGateway({
    databaseUrl: database.url,
    settings: { ...PATIENT, ...BRIEF_DATABASE_WAIT, ...MANY_AT_ONCE, ...settings },
  });
  const [{ id }] = (await gateway.data('{ customers(first: 1) { nodes { id } } }')).customers.nodes;
  const close = async (): Promise<void> => {
    await gateway.close();
    await database.drop();
  };
  return { database, gateway, id, close };
}

let seeded: Seeded;
let database: TestDatabase;
let gateway: TestGateway;
/** Started first, because it takes six seconds in which nothing happens. */
let refusing: ReturnType<typeof refusedWrites>;
beforeAll(async () => {
  refusing = refusedWrites();
  refusing.catch(() => undefined);
  seeded = await startSeeded();
  ({ database, gateway } = seeded);
});
afterAll(() => seeded.close());

const readiness = async ({ url }: TestGateway) => {
  const response = await fetch(`${url}/health/ready`);
  return { status: response.status, body: (await response.json()) as { waiting?: { reads: number; writes: number } } };
};
const times = <Item>(count: number, make: (i: number) => Item): Item[] =>
  Array.from({ length: count }, (_, i) => make(i));
const shown = ({ errors }: Answer) => errors.map(({ message, extensions }) => [extensions.code, message]);
const update = (of: Seeded, name: string) => of.gateway.request(UPDATE, { variables: { input: { id: of.id, name } } });

/** As if somebody else held a lock on the customers' rows. */
async function holdingRows<Result>({ url }: TestDatabase, work: () => Promise<Result>): Promise<Result> {
  return withConnection(url, async (connection) => {
    await connection.beginTransaction();
    await connection.query('SELECT id FROM customers FOR UPDATE');
    try {
      return await work();
    } finally {
      await connection.rollback();
    }
  });
}

/** A write that waits for a row and occupies the only connection, and three more. */
async function refusedWrites() {
  const small = await startSeeded({ LIMIT_REQUEST_MS: '6000', LIMIT_DATABASE_CONNECTIONS: '1' });
  try {
    const answers = await holdingRows(small.database, async () => {
      const first = update(small, 'First');
      const others = await Promise.all(times(3, () => update(small, 'One too many')));
      const refusals = await small.gateway.metric('concierge_database_full_total');
      return { first: shown(await first), others: others.map(shown), refusals };
    });
    const { customer } = await small.gateway.data(`{ customer(by: {id: "${small.id}"}) { name } }`);
    return { ...answers, name: customer.name };
  } finally {
    await small.close();
  }
}

describe('slow statements that occupy every connection', () => {
  const QUICK = '{ products(first: 1) { nodes { sku } } }';
  const SLOW = '{ customers(first: 3) { nodes { name email } } }';
  // On a busy machine a fast one may be slow once.
  const untilAnswered = () =>
    until(
      'the responses to 20 quick queries at once',
      async () => (await Promise.all(times(20, () => gateway.request(QUICK)))).flatMap(shown),
      ({ length }) => length === 0,
    );

  test('delay only other slow ones, whose error says what they waited for', async () => {
    const lock = await lockTable(database.url, 'customers');
    const long = times(CONNECTIONS, () => gateway.request(SLOW));
    await lock.waiting(CONNECTIONS);
    await untilAnswered();
    const refused = Promise.all(times(30, () => gateway.request(SLOW)));
    await untilAnswered();
    expect((await refused).map(shown)).toEqual(
      times(30, () => [['SERVICE_UNAVAILABLE', 'All connections to the database are in use; try again.']]),
    );
    expect((await readiness(gateway)).status).toBe(200);
    expect(await gateway.metric('concierge_database_full_total')).toBeGreaterThanOrEqual(30);
    expect(await gateway.metric('concierge_spare_statements_total')).toBeGreaterThanOrEqual(20);
    // No more than the pool's size are in the server.
    expect(await lock.statements()).toBe(CONNECTIONS);
    await lock.release();
    expect((await Promise.all(long)).flatMap(shown)).toEqual([]);
  });

  test('make writes fail with the message that all connections are in use, not that the database is down', async () => {
    const lock = await lockTable(database.url, 'customers');
    const long = times(CONNECTIONS, () => gateway.request(SLOW));
    await lock.waiting(CONNECTIONS);
    expect(shown(await update(seeded, 'No connection'))).toEqual([
      ['SERVICE_UNAVAILABLE', 'All connections to the database are in use; try again.'],
    ]);
    await lock.release();
    expect((await Promise.all(long)).flatMap(shown)).toEqual([]);
  });

  test('make others wait for up to LIMIT_DATABASE_WAIT_MS', async () => {
    const settings = { ...PATIENT, ...MANY_AT_ONCE, LIMIT_DATABASE_CONNECTIONS: '1' };
    const patient = await startGateway({ databaseUrl: database.url, settings });
    const lock = await lockTable(database.url, 'customers');
    const long = [patient.request(SLOW), ...times(CONNECTIONS, () => gateway.request(SLOW))];
    await lock.waiting(long.length);
    const waiting = update({ ...seeded, gateway: patient }, 'Waited');
    await until('the write to wait', async () => (await readiness(patient)).body.waiting?.reads === 1);
    // By the time the other gateway refuses one, a gateway without the setting would have refused its own.
    expect(shown(await update(seeded, 'Refused')).map(([code]) => code)).toEqual(['SERVICE_UNAVAILABLE']);
    await lock.release();
    expect((await Promise.all([waiting, ...long])).flatMap(shown)).toEqual([]);
    await patient.close();
  });
});

describe('writes that wait for a row that another client has locked', () => {
  test.each([
    { count: 12, customers: 12, take: CONNECTIONS / 2 },
    { count: 40, customers: 20, take: CONNECTIONS / 2 },
    { count: 40, customers: 2, take: 2 },
    { count: 40, customers: 1, take: 1 },
  ])(
    'leave half of the connections or more to reads: $count of $customers customers take $take, and are done in the end',
    async ({ count, customers, take }) => {
      let updates: Promise<Answer>[] = [];
      const { nodes } = (await gateway.data(`{ customers(first: ${customers}) { nodes { id } } }`)).customers;
      await holdingRows(database, async () => {
        updates = times(count, (i) => update({ ...seeded, id: nodes[i % customers].id }, `Held ${count} ${i}`));
        const waiting = { reads: 0, writes: count - take };
        await until(
          `readiness to show ${waiting.writes} writes that wait`,
          () => readiness(gateway),
          ({ body }) => body.waiting?.writes === waiting.writes,
        );
        const reads = await Promise.all(times(30, () => gateway.request('{ customers(first: 5) { nodes { name } } }')));
        expect(reads.flatMap(shown)).toEqual([]);
        expect(await readiness(gateway)).toEqual({
          status: 200,
          body: { status: 'ok', dependencies: { database: 'up', redis: 'not used' }, waiting },
        });
      });
      const answers = await Promise.all(updates);
      expect(answers.flatMap(shown)).toEqual([]);
      expect(answers.map(({ data }) => data.updateCustomer.userErrors)).toEqual(answers.map(() => []));
      expect((await readiness(gateway)).body.waiting).toBeUndefined();
    },
  );

  test('are refused after half of the time limit of a request in the queue, and nothing is written', async () => {
    const { first, others, refusals, name } = await refusing;
    expect(others).toEqual(
      others.map(() => [
        [
          'SERVICE_UNAVAILABLE',
          'Too many writes are waiting, probably for rows that another client has locked, and the other connections are reserved for reads; try again.',
        ],
      ]),
    );
    expect(refusals).toBe(3);
    // The one that holds the place has half of its time left, and ends by itself.
    expect(first.map(([code]) => code)).toEqual(['TIMEOUT']);
    expect(name).not.toBe('One too many');
  });
});
