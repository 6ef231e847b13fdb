import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  extendSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isObjectType,
  parse,
  type GraphQLInputType,
  type GraphQLSchema,
} from 'graphql';
import { narrowRows } from '../../src/batch/list-shape.ts';
import { runExplain, type ExplainOptions } from '../../src/cli/explain.ts';
import { parseConfig } from '../../src/config.ts';
import { createConnection } from '../../src/relay/connection.ts';
import type { Context } from '../../src/crm/context.ts';
import { isOneOf, sortBy } from '../../src/crm/filters.ts';
import { interactions } from '../../src/crm/interaction/table.ts';
import { TABLES } from '../../src/crm/registry.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { listQuestions } from '../../src/explain/questions.ts';
import { openMeasuringSession } from '../../src/explain/session.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { LISTS } from '../support/lists.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { captureCli } from './captured-cli.ts';
import { runCommand } from './command.ts';
import { PATIENT } from '../support/gateway.ts';
import { contentsHash } from './table-contents.ts';

const CUSTOMERS = 2_000;

/** An entry of the JSON report. */
interface Entry {
  readonly statement: string;
  readonly asked: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly parents: number;
  readonly index: string | null;
  readonly rowsRead: number;
  readonly rowsReturned: number;
  readonly maxRows: number | null;
  readonly uncovered: readonly string[];
  readonly problems: readonly string[];
  readonly sql?: string;
}

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: CUSTOMERS, ordersPerCustomer: 5, seed: 1 });
});
afterAll(() => database.drop());

async function explain(options: ExplainOptions, settings: Readonly<Record<string, string>> = {}) {
  const { cli, output } = captureCli(false, true);
  const code = await runExplain(options, parseConfig({ DATABASE_URL: database.url, ...PATIENT, ...settings }), cli);
  return { code, text: output() };
}

async function entriesOf(options: ExplainOptions): Promise<{ code: number; entries: readonly Entry[] }> {
  const { code, text } = await explain({ ...options, json: true });
  return { code, entries: JSON.parse(text).statements };
}

/** Changes the tables, runs `ask`, and reverts the change. */
async function changed<Result>(change: string, undo: string, ask: () => Promise<Result>): Promise<Result> {
  const run = (sql: string) => withConnection(database.url, (connection) => connection.query(sql));
  await run(change);
  try {
    return await ask();
  } finally {
    await run(undo);
  }
}

/** Each argument of a connection field, and each value of an enumeration, such as `filter.status OPEN`. */
function wantedOf(schema: GraphQLSchema): ReadonlyMap<string, readonly string[]> {
  const leaves = (type: GraphQLInputType, path: string): string[] => {
    const named = getNamedType(type);
    if (isEnumType(named)) return named.getValues().map(({ name }) => `${path} ${name}`);
    if (!isInputObjectType(named)) return [path];
    return Object.values(named.getFields()).flatMap((field) => leaves(field.type, `${path}.${field.name}`));
  };
  const fields = Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .flatMap((type) => Object.values(type.getFields()).map((field) => ({ name: `${type.name}.${field.name}`, field })))
    .filter(({ field }) => field.args.some(({ name }) => name === 'first'));
  return new Map(fields.map(({ name, field }) => [name, field.args.flatMap((arg) => leaves(arg.type, arg.name))]));
}

/** The same for given arguments. */
function givenIn(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => givenIn(one, path));
  if (typeof value !== 'object' || value === null) return [path, `${path} ${String(value)}`];
  return Object.entries(value).flatMap(([name, inner]) => givenIn(inner, path === '' ? name : `${path}.${name}`));
}

describe('npm run explain', () => {
  let code: number;
  let entries: readonly Entry[];
  let hashes: readonly string[];
  beforeAll(async () => {
    const before = await contentsHash(database.url);
    ({ code, entries } = await entriesOf({}));
    hashes = [before, await contentsHash(database.url)];
  });

  test('finds every statement within its bounds, with exit code 0', () => {
    expect(entries.filter(({ problems }) => problems.length > 0)).toEqual([]);
    expect(code).toBe(0);
    expect(entries.length).toBeGreaterThan(5_000);
  });

  test('queries every connection field with each of its arguments and each enum value', () => {
    for (const [field, wanted] of wantedOf(createSchema())) {
      const own = entries.filter(({ statement }) => statement.startsWith(`${field} `));
      const given = new Set(own.flatMap((entry) => givenIn(entry.arguments, '')));
      // And besides these: every kind of statement, and the smallest and largest page from either end.
      expect({ field, missing: wanted.filter((path) => !given.has(path)) }).toEqual({ field, missing: [] });
      for (const kind of ['page', 'exists', 'count'])
        expect(own.map(({ statement }) => statement)).toContain(`${field} ${kind}`);
      for (const size of ['first 1', 'first 100', 'last 1', 'last 100'])
        if (wanted.includes(size.split(' ')[0] ?? '')) expect(given).toContain(size);
    }
  });

  test('queries lists of one parent and of many', () => {
    for (const { name, parent } of LISTS) {
      const parents = entries.filter(({ statement }) => statement === `${name} page`).map((entry) => entry.parents);
      expect(Math.min(...parents)).toBe(1);
      expect({ name, many: Math.max(...parents) > 1 }).toEqual({ name, many: parent !== undefined });
    }
  });

  test('looks rows up by each of their keys, one and many, and what belongs to them', () => {
    const names = new Set(entries.map(({ statement }) => statement));
    for (const { type, uniques } of TABLES.filter((table) => table.type !== 'Change'))
      for (const key of ['id', ...uniques]) expect(names).toContain(`${type} by ${key}`);
    for (const name of ['Customer.tags', 'Customer.addresses', 'CustomerSummary.lifetimeValue', 'Order.items']) {
      const own = entries.filter(({ statement }) => statement === name);
      expect(Math.min(...own.map(({ parents }) => parents))).toBe(1);
      expect(Math.max(...own.map(({ parents }) => parents))).toBe(100);
    }
  });

  test('looks up each watched customer and its last change, one and many', () => {
    const own = entries.filter(({ statement }) => statement === 'Customer states');
    expect(own.map(({ parents, maxRows }) => [parents, maxRows])).toEqual([
      [1, 3],
      [128, 384],
    ]);
    // None of them is read without its record.
    for (const { parents, rowsRead } of own) expect(rowsRead).toBeGreaterThan(parents);
  });

  test('bounds a page by its size: one more row, and one probe, for each parent and each of several values', () => {
    const plain = entries.filter(
      ({ statement, uncovered, index, asked }) =>
        statement.endsWith(' page') &&
        statement !== 'Query.searchCustomers page' &&
        uncovered.length === 0 &&
        !asked.includes('(') &&
        !index?.startsWith('customer_tags'),
    );
    for (const { rowsRead, parents, arguments: given } of plain) {
      const size = Number(given['first'] ?? given['last']);
      expect({ given, isBounded: rowsRead <= parents * (size + 2) }).toEqual({ given, isBounded: true });
    }
    expect(plain.length).toBeGreaterThan(1_000);
  });

  test('lists what filters further than its index, with the worst case', () => {
    const tag = entries.find(
      ({ statement, asked }) => statement === 'Query.customers page' && asked === 'status, tag by NAME',
    );
    expect(tag?.uncovered).toEqual(['status']);
    const start = entries.find(
      ({ statement, asked }) => statement === 'Query.customers page' && asked === 'nameStartsWith by CREATED_AT',
    );
    expect(start?.uncovered).toEqual(['name']);
    // Few match, and they are read from the index of names.
    expect(start?.maxRows).toBeLessThan(CUSTOMERS / 2);
    const made = entries.find(
      ({ statement, asked }) => statement === 'Query.customers page' && asked === 'createdAt by NAME',
    );
    expect(made?.uncovered).toEqual(['createdAt']);
    // Many match: two probes, and then all names in the worst case.
    expect(made?.maxRows).toBeGreaterThanOrEqual(CUSTOMERS);
    expect(made?.maxRows).toBeLessThan(CUSTOMERS + 2 * narrowRows(1) + 200);
  });

  test('changes nothing, and the server would refuse it', async () => {
    expect(hashes[1]).toBe(hashes[0]);
    const session = await openMeasuringSession(database.url, { statementMs: 600_000, waitMs: 600_000 });
    const deleting = await session.measure({ name: 'D', sql: 'DELETE FROM orders LIMIT 1', values: [] });
    expect(deleting.error).toMatch(/read.only/i);
    await session.close();
  });
});

describe('the questions', () => {
  test('follow the schema: a new field, argument or value is included without being listed anywhere', () => {
    const schema = extendSchema(
      createSchema(),
      parse(`
        extend type Query {
          contacts(first: Int, after: String, last: Int, before: String, kind: InteractionKind): InteractionConnection!
        }
        extend enum InteractionKind { LETTER }
      `),
    );
    const field = schema.getQueryType()?.getFields()['contacts'];
    if (field === undefined) throw new Error('the schema was not extended');
    field.resolve = (_, { kind, ...args }, { loaders, paging }: Context) =>
      createConnection(
        loaders.interactionsByTicket,
        { parent: '1', conditions: isOneOf('kind', kind && [kind]), sort: sortBy(interactions) },
        { args, paging },
      );
    const asked = (name: string) =>
      listQuestions(schema)
        .filter(({ source }) => source.name === name)
        .map((question) => question.arguments);
    const kinds = ['CALL', 'EMAIL', 'CHAT', 'MEETING', 'NOTE', 'LETTER'].map((kind) => ({ kind }));
    expect(asked('Ticket.interactions')).toEqual([...kinds, {}, {}]);
    expect(asked('Customer.interactions')).toEqual([...kinds, {}]);
  });
});

describe('npm run explain fails', () => {
  test('when an index is dropped, naming the statement and the index', async () => {
    const index = 'orders_customer_id_placed_at_id_idx';
    const [table, json] = await changed(
      `ALTER TABLE orders DROP INDEX ${index}`,
      `ALTER TABLE orders ADD INDEX ${index} (customer_id, placed_at, id)`,
      async () => [await explain({ only: 'Customer.orders' }), await entriesOf({ only: 'Customer.orders' })] as const,
    );
    expect([table.code, json.code]).toEqual([1, 1]);
    expect(table.text).toMatch(new RegExp(`^Customer\\.orders page, all by PLACED_AT: .*${index}`, 'm'));
    expect(table.text).toMatch(/^\d+ kinds fail\.$/m);
    const failing = json.entries.filter(({ problems }) => problems.length > 0);
    expect(new Set(failing.map((entry) => entry.index))).toContain(index);
    // Others only probe it.
    for (const { sql } of failing) expect(sql).toContain(`FORCE INDEX (\`${index}\`)`);
    // Entries that use other indexes still pass.
    expect(failing.length).toBeLessThan(json.entries.length / 2);
  });

  test('when an index of that name does not give the order: more rows are read than the page has', async () => {
    const index = 'tickets_opened_at_id_idx';
    const { code, text } = await changed(
      `ALTER TABLE tickets DROP INDEX ${index}, ADD INDEX ${index} (subject)`,
      `ALTER TABLE tickets DROP INDEX ${index}, ADD INDEX ${index} (opened_at, id)`,
      () => explain({ only: 'Query.tickets' }),
    );
    expect(code).toBe(1);
    expect(text).toMatch(/^Query\.tickets page, all by OPENED_AT: .*reads \d+ rows where \d+ are the most/m);
  });

  test('when the last change of a customer is not the first that the index gives, and not because there are many', async () => {
    const index = 'customer_changes_customer_id_occurred_at_id_idx';
    const states = () => explain({ only: 'Customer states' });
    const [many, unsorted] = await changed(
      `INSERT INTO customer_changes (customer_id, version, action, changes, occurred_at)
       SELECT c.id, n.version, 'UPDATED', '[]', NOW(3) FROM customers AS c
       JOIN (SELECT 2 AS version UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) AS n`,
      'DELETE FROM customer_changes WHERE version > 1',
      async () => [
        await states(),
        await changed(
          `ALTER TABLE customer_changes DROP INDEX ${index}, ADD INDEX ${index} (customer_id, action, occurred_at)`,
          `ALTER TABLE customer_changes DROP INDEX ${index}, ADD INDEX ${index} (customer_id, occurred_at, id)`,
          states,
        ),
      ],
    );
    expect([many?.code, unsorted?.code]).toEqual([0, 1]);
    expect(unsorted?.text).toMatch(
      /^Customer states, version and last change: .*reads \d+ rows where \d+ are the most/m,
    );
  });

  test('when a look-up has lost its unique index', async () => {
    const { code, text } = await changed(
      'ALTER TABLE products DROP INDEX products_sku_key',
      'ALTER TABLE products ADD UNIQUE INDEX products_sku_key (sku)',
      () => explain({ only: 'Product by' }),
    );
    expect(code).toBe(1);
    expect(text).toMatch(/^Product by sku, product by sku: .*products_sku_key/m);
  });
});

describe('npm run explain refuses', () => {
  test('a number of customers together with DATABASE_URL', async () => {
    await expect(explain({ customers: '20' })).rejects.toMatchObject({
      exitCode: 64,
      message: /^--customers: expected no DATABASE_URL/,
    });
  });

  test('a number of customers that is not a number', async () => {
    await expect(explain({ customers: 'many' }, { DATABASE_URL: '' })).rejects.toMatchObject({
      exitCode: 64,
      message: expect.stringMatching(/^--customers: expected a whole number/),
    });
  });

  test('a name that no statement has', async () => {
    await expect(explain({ only: 'Customer.pets' })).rejects.toMatchObject({
      exitCode: 64,
      message: expect.stringMatching(/^--only: .*"Customer\.pets"$/),
    });
  });

  test('an unreachable database, in one line with exit code 69', async () => {
    const { code, stdout, stderr } = await runCommand(['explain'], { DATABASE_URL: 'mysql://nobody@127.0.0.1:1/none' });
    const told = 'DATABASE_URL: the database cannot be reached: connect ECONNREFUSED 127.0.0.1:1\n';
    expect([code, stdout, stderr]).toEqual([69, '', told]);
  });
});
