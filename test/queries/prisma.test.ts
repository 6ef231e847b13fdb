import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createRandom, type Random } from '../../src/data/seed/random.ts';
import { createDatabase as openDatabase, type Database } from '../../src/db/database.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { askList, LISTS, type List, type ListOrder } from '../support/lists.ts';
import { nodeId, startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';
import { createSoak } from '../support/soak.ts';

// Reads use our own statements, for speed. These tests compare their results with Prisma Client's.

const { seed, again, goesOn, report } = createSoak('prisma');
const QUESTIONS = 240;
const CUSTOMERS = 60;

type Row = Readonly<Record<string, unknown>> & { readonly id: bigint };
type Where = Readonly<Record<string, unknown>>;

/** The Prisma Client model that a list is compared with. */
interface Model {
  findMany(query: { where: Where; orderBy: readonly Readonly<Record<string, 'asc' | 'desc'>>[] }): Promise<Row[]>;
  count(query: { where: Where }): Promise<number>;
}

let gateway: SeededGateway;
let db: Database;
beforeAll(async () => {
  gateway = await startSeededGateway(CUSTOMERS, { LIMIT_COST: '1000000' });
  db = await openDatabase({
    url: gateway.databaseUrl,
    connections: 2,
    statementMs: 600_000,
    waitMs: 600_000,
    metrics: createMetrics(),
  });
  // Ties in every order, across filters, and nulls, where a page might be cut wrongly.
  await withConnection(gateway.databaseUrl, async (connection) => {
    const names = "ELT(1 + id % 6, 'Ada', 'ÁDA', 'Bo', 'bö', 'Zoë', 'zoe''s')";
    const days = (column: string) => `${column} = DATE_ADD('2024-05-01', INTERVAL id % 7 DAY)`;
    for (const statement of [
      `UPDATE customers SET name = ${names}, ${days('created_at')}, ${days('updated_at')}, owner_id = NULLIF(id % 4, 0)`,
      `UPDATE customer_tags AS t JOIN customers AS c ON c.id = t.customer_id
       SET t.name = c.name, t.created_at = c.created_at, t.updated_at = c.updated_at, t.owner_id = c.owner_id`,
      `UPDATE orders SET ${days('placed_at')}, ${days('updated_at')}`,
      `UPDATE tickets SET ${days('opened_at')}, ${days('updated_at')}, assignee_id = NULLIF(id % 4, 0),
         closed_at = IF(id % 3 = 0, NULL, DATE_ADD('2024-06-01', INTERVAL id % 4 DAY))`,
      `UPDATE interactions SET ${days('occurred_at')}`,
    ])
      await connection.query(statement);
  });
});
afterAll(async () => {
  await db.close();
  await gateway.close();
});

/** The model of a type's rows: `db.client.order` for Order. */
function modelOf(type: string): Model {
  const name = type === 'Change' ? 'customerChange' : `${type.slice(0, 1).toLowerCase()}${type.slice(1)}`;
  const model = (db.client as unknown as Readonly<Record<string, Model | undefined>>)[name];
  if (model === undefined) throw new Error(`no model of ${type}`);
  return model;
}

const camel = (column: string): string => column.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** A condition in our terms and in Prisma's. */
interface Filter {
  readonly variables: Readonly<Record<string, unknown>>;
  readonly where: Where;
}

const day = (random: Random): string => `2024-05-0${random.between(1, 9)}T00:00:00.000Z`;

function span(random: Random): { readonly ours: object; readonly theirs: object } {
  const [from, to] = [random.chance(700) ? day(random) : undefined, random.chance(700) ? day(random) : undefined];
  return {
    ours: { ...(from && { from }), ...(to && { to }) },
    theirs: { ...(from && { gte: new Date(from) }), ...(to && { lt: new Date(to) }) },
  };
}

const some = <Value>(random: Random, values: readonly Value[]): Value[] => {
  const chosen = values.filter(() => random.chance(400));
  return chosen.length > 0 ? chosen : [random.pick(values)];
};

const STATUSES: Readonly<Record<string, readonly string[]>> = {
  Customer: ['LEAD', 'ACTIVE', 'INACTIVE', 'CHURNED'],
  Order: ['PENDING', 'PAID', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'REFUNDED'],
  Ticket: ['OPEN', 'PENDING', 'RESOLVED', 'CLOSED'],
};
const MOMENTS: Readonly<Record<string, readonly string[]>> = {
  Customer: ['createdAt', 'updatedAt'],
  Order: ['placedAt', 'updatedAt'],
  Ticket: ['openedAt', 'updatedAt'],
};

async function filterOf(list: List, random: Random): Promise<Filter> {
  if ('kind' in list.variables) {
    const kind = random.pick(['CALL', 'EMAIL', 'CHAT', 'MEETING', 'NOTE', null]);
    return { variables: { kind }, where: kind === null ? {} : { kind } };
  }
  const statuses = STATUSES[list.type];
  if (statuses === undefined) return { variables: {}, where: {} };
  const [ours, theirs]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}];
  if (random.chance(400)) theirs['status'] = { in: (ours['status'] = some(random, statuses)) };
  for (const moment of MOMENTS[list.type] ?? [])
    if (random.chance(200)) {
      const range = span(random);
      [ours[moment], theirs[moment]] = [range.ours, range.theirs];
    }
  if (list.type === 'Ticket' && random.chance(300))
    theirs['priority'] = { in: (ours['priority'] = some(random, ['LOW', 'NORMAL', 'HIGH', 'URGENT'])) };
  if (list.type === 'Customer') await addCustomerFilters({ ours, theirs }, random);
  return { variables: { filter: ours }, where: theirs };
}

async function addCustomerFilters(
  { ours, theirs }: { ours: Record<string, unknown>; theirs: Record<string, unknown> },
  random: Random,
): Promise<void> {
  const and: Where[] = [];
  if (random.chance(200)) {
    const ownerId = random.between(1, 3);
    ours['ownerId'] = nodeId('Agent', ownerId);
    and.push({ ownerId: BigInt(ownerId) });
  }
  if (random.chance(300))
    and.push({ name: { startsWith: (ours['nameStartsWith'] = random.pick(['a', 'BO', 'Zo', 'ad', 'x'])) } });
  if (random.chance(200)) {
    const { phone } = await db.client.customer.findFirstOrThrow({ where: { phone: { not: null } } });
    and.push({ phone: (ours['phone'] = phone) });
  }
  if (random.chance(300)) {
    const tags = await db.client.customerTag.findMany({ distinct: ['tag'], orderBy: { tag: 'asc' }, take: 5 });
    const { tag } = random.pick(tags);
    const tagged = await db.client.customerTag.findMany({ where: { tag } });
    ours['tag'] = tag;
    and.push({ id: { in: tagged.map(({ customerId }) => customerId) } });
  }
  if (and.length > 0) theirs['AND'] = and;
}

/** What identifies a row in a result: entries of the record of changes have no id of their own. */
const keyOf = (type: string, row: Row): unknown => (type === 'Change' ? row['version'] : nodeId(type, row.id));

const selectionOf = (type: string): string =>
  `totalCount pageInfo { hasNextPage hasPreviousPage } edges { cursor node { id${type === 'Change' ? ': version' : ''} } }`;

/** The expected page, from all rows in order. */
function expectedPage(rows: readonly Row[], page: { size: number; at: number | undefined; backward: boolean }) {
  const { size, at, backward } = page;
  const [from, to] = backward
    ? [Math.max(0, (at ?? rows.length) - size), at ?? rows.length]
    : [(at ?? -1) + 1, (at ?? -1) + 1 + size];
  return {
    rows: rows.slice(from, to),
    hasNextPage: to < rows.length,
    hasPreviousPage: from > 0,
  };
}

describe('our statements find the same rows as Prisma Client', () => {
  test(`in ${QUESTIONS} random pages of all lists, with every filter, order and cursor`, async () => {
    const random = createRandom(seed, 0);
    let [asked, rows] = [0, 0];
    for (; goesOn(asked >= QUESTIONS); asked += 1) {
      const list = LISTS[asked % LISTS.length] ?? random.pick(LISTS);
      const order = random.pick(list.orders);
      const filter = await filterOf(list, random);
      const parents = list.parent === undefined ? [] : some(random, [1, 2, 3, 4]);
      const about = { again, list: list.name, order, filter: filter.variables, parents };
      const found = await prismaRows(list, { order, filter, parents });
      for (const [i, theirs] of found.entries()) {
        rows += theirs.length;
        const parent = parents[i];
        const own = parent === undefined ? {} : { parents: [parent] };
        const ask = async (page: object) => {
          const [answer] = await askList(gateway, list, {
            selection: selectionOf(list.type),
            order,
            ...filter.variables,
            ...own,
            ...page,
          });
          return answer;
        };
        const whole = await ask({ first: 100 });
        expect({ ...about, total: whole?.totalCount }).toEqual({ ...about, total: theirs.length });
        const edges = whole?.edges ?? [];
        expect({ ...about, ids: edges.map(({ node }) => node.id) }).toEqual({
          ...about,
          ids: theirs.slice(0, 100).map((row) => keyOf(list.type, row)),
        });
        const at = edges.length > 0 && random.chance(800) ? random.below(edges.length) : undefined;
        const [size, backward] = [random.between(1, 9), random.chance(500)];
        const cursor = at === undefined ? undefined : edges[at]?.cursor;
        const page = await ask(backward ? { last: size, before: cursor } : { first: size, after: cursor });
        const expected = expectedPage(theirs, { size, at, backward });
        expect({
          ...about,
          page: { size, at, backward },
          ids: page?.edges.map(({ node }) => node.id),
          info: page?.pageInfo,
        }).toEqual({
          ...about,
          page: { size, at, backward },
          ids: expected.rows.map((row) => keyOf(list.type, row)),
          info: { hasNextPage: expected.hasNextPage, hasPreviousPage: expected.hasPreviousPage },
        });
      }
    }
    report(`${asked} questions, ${rows} rows`);
    expect(rows).toBeGreaterThan(QUESTIONS);
  });
});

const iso = (value: unknown): unknown => (value instanceof Date ? value.toISOString() : value);

/** For the keys of every row: `[field and argument, the key of a row]`. */
const KEYS = {
  Customer: {
    fields: ['externalId', 'name', 'email', 'phone', 'company', 'status', 'createdAt', 'updatedAt', 'version'],
    keys: {
      id: (row: Row) => nodeId('Customer', row.id),
      externalId: ({ externalId }: Row) => externalId,
      email: ({ email }: Row) => email,
    },
  },
  Order: {
    fields: ['number', 'status', 'placedAt', 'updatedAt', 'version'],
    keys: { id: (row: Row) => nodeId('Order', row.id), number: ({ number }: Row) => number },
  },
  Ticket: {
    fields: ['number', 'subject', 'status', 'priority', 'openedAt', 'closedAt', 'updatedAt', 'version'],
    keys: { id: (row: Row) => nodeId('Ticket', row.id), number: ({ number }: Row) => number },
  },
  Product: {
    fields: ['sku', 'name'],
    keys: { id: (row: Row) => nodeId('Product', row.id), sku: ({ sku }: Row) => sku },
  },
} as const;

test.each(Object.entries(KEYS))(
  'our statements find the same rows as Prisma Client by each key of a %s',
  async (type, { fields, keys }) => {
    const rows = await modelOf(type).findMany({ where: {}, orderBy: [{ id: 'asc' }] });
    expect(rows.length).toBeGreaterThan(5);
    for (const [name, keyOfRow] of Object.entries(keys)) {
      // Twenty at a time, the most root fields that a document may have, and one statement.
      for (let at = 0; at < rows.length; at += 20) {
        const asked = rows.slice(at, at + 20).filter((row) => keyOfRow(row) !== null);
        const root = type.toLowerCase();
        const query = asked.map(
          (row, i) => `a${i}: ${root}(by: { ${name}: ${JSON.stringify(keyOfRow(row))} }) { id ${fields.join(' ')} }`,
        );
        if (query.length === 0) continue;
        const data = await gateway.data(`{ ${query.join(' ')} }`);
        const expected = asked.map((row) => ({
          id: nodeId(type, row.id),
          ...Object.fromEntries(fields.map((field) => [field, iso(row[field])])),
        }));
        expect(asked.map((_, i) => data[`a${i}`])).toEqual(expected);
      }
    }
  },
);

test('tags, addresses, items and other rows of one parent are those that Prisma Client finds, in the same order', async () => {
  const data = await gateway.data(
    `{ customers(first: 100, orderBy: { field: NAME }) { nodes {
         id tags addresses { label line1 line2 city region postalCode country }
         summary { orderCount openTicketCount lastOrderAt lifetimeValue { currency amount } }
         orders(first: 3) { nodes { id items { quantity discount } } }
    } } }`,
  );
  expect(data.customers.nodes.length).toBe(CUSTOMERS);
  for (const node of data.customers.nodes) {
    const customerId = BigInt(Buffer.from(node.id, 'base64url').toString().split(':')[1] ?? 0);
    const where = { customerId };
    const tags = await db.client.customerTag.findMany({ where, orderBy: { tag: 'asc' } });
    expect(node.tags).toEqual(tags.map(({ tag }) => tag));
    const addresses = await db.client.customerAddress.findMany({ where, orderBy: { position: 'asc' } });
    expect(addresses).toMatchObject(node.addresses);
    expect(node.addresses).toHaveLength(addresses.length);
    const { orderCount, openTicketCount, lastOrderAt } = await db.client.customerStats.findUniqueOrThrow({ where });
    const values = await db.client.customerValue.findMany({ where, orderBy: { currency: 'asc' } });
    expect(node.summary).toMatchObject({ orderCount, openTicketCount, lastOrderAt: iso(lastOrderAt) });
    expect(
      node.summary.lifetimeValue.map(({ currency, amount }: { currency: string; amount: string }) => [
        currency,
        Number(amount),
      ]),
    ).toEqual(values.map(({ currency, amount }) => [currency, Number(amount)]));
    for (const order of node.orders.nodes) {
      const orderId = BigInt(Buffer.from(order.id, 'base64url').toString().split(':')[1] ?? 0);
      const items = await db.client.orderItem.findMany({ where: { orderId }, orderBy: { position: 'asc' } });
      expect(order.items.map(({ quantity }: { quantity: number }) => quantity)).toEqual(
        items.map(({ quantity }) => quantity),
      );
    }
  }
});

/** All rows of a list for each parent, through Prisma Client. */
async function prismaRows(
  list: List,
  { order, filter, parents }: { order: ListOrder; filter: Filter; parents: readonly number[] },
): Promise<readonly (readonly Row[])[]> {
  const model = modelOf(list.type);
  const direction = order.direction === 'ASC' ? 'asc' : 'desc';
  const orderBy = [{ [camel(order.column)]: direction }, { id: direction }] as const;
  const owners =
    list.parent === undefined ? [{}] : parents.map((id) => ({ [camel(list.parent?.column ?? '')]: BigInt(id) }));
  return Promise.all(
    owners.map(async (owner) => {
      const where = { AND: [owner, filter.where] };
      const rows = await model.findMany({ where, orderBy });
      expect(await model.count({ where })).toBe(rows.length);
      return rows;
    }),
  );
}
