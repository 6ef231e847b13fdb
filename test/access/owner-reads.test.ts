import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { narrowRows } from '../../src/batch/list-shape.ts';
import { PATIENT, startGateway, type Answer, type TestGateway } from '../support/gateway.ts';
import { createCountedDatabase } from '../support/counted-database.ts';
import { openRowsReader, type RowsReader } from '../support/rows-read.ts';
import { nodeId } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';
import { bearing, BY_SECRET, tokenOf } from './tokens.ts';

const CUSTOMERS = 2_500;
/** Has three customers. */
const FEW = 1;
/** Has all others. */
const MANY = 2;
/** Has none. */
const NONE = 3;

let gateway: TestGateway;
let rows: RowsReader;
let drop: () => Promise<void>;
beforeAll(async () => {
  const database = await createCountedDatabase();
  const databaseUrl = database.url;
  ({ drop } = database);
  await seedDatabase({ databaseUrl, customers: CUSTOMERS, ordersPerCustomer: 2, seed: 1 });
  await withConnection(databaseUrl, async (connection) => {
    const third = Math.floor(CUSTOMERS / 3);
    const few = `id IN (7, ${third}, ${2 * third})`;
    await connection.query(`UPDATE customers SET owner_id = IF(${few}, ${FEW}, ${MANY})`);
    await connection.query(
      `UPDATE customer_tags AS t JOIN customers AS c ON c.id = t.customer_id SET t.owner_id = c.owner_id`,
    );
    await connection.query('ANALYZE TABLE customers, orders, tickets');
  });
  gateway = await startGateway({ databaseUrl, settings: { ...PATIENT, ...BY_SECRET } });
  rows = await openRowsReader(databaseUrl);
});
afterAll(async () => {
  await rows.close();
  await gateway.close();
  await drop();
});

async function asking(owner: number | undefined) {
  const claims = { scope: 'crm:read', ...(owner !== undefined && { owner: nodeId('Agent', owner) }) };
  const headers = bearing(await tokenOf(claims));
  return async (query: string): Promise<Answer['data']> => {
    const { data, errors } = await gateway.request(query, { headers });
    expect(errors).toEqual([]);
    return data;
  };
}

interface Owned {
  readonly id: string;
  readonly customer: { readonly owner: { readonly id: string } };
}

/** All rows of a list, a page at a time. */
async function walked(ask: Awaited<ReturnType<typeof asking>>, list: string, end: 'first' | 'last'): Promise<Owned[]> {
  const found: Owned[] = [];
  const [at, more, cursor] =
    end === 'first' ? ['after', 'hasNextPage', 'endCursor'] : ['before', 'hasPreviousPage', 'startCursor'];
  for (let from = ''; ;) {
    const page = `${list.replace('PAGE', `${end}: 100${from}`)} { nodes { id customer { owner { id } } } pageInfo { ${more} ${cursor} } }`;
    const { list: shown } = await ask(`{ list: ${page} }`);
    found.push(...(end === 'first' ? shown.nodes : shown.nodes.toReversed()));
    if (!shown.pageInfo[more]) return found;
    from = `, ${at}: "${shown.pageInfo[cursor]}"`;
  }
}

const SOME = '2023-01-01T00:00:00Z';
test.each([
  'orders(PAGE)',
  'orders(PAGE, orderBy: { field: UPDATED_AT, direction: ASC })',
  'orders(PAGE, filter: { status: [PAID] })',
  'orders(PAGE, filter: { status: [PAID, SHIPPED, CANCELLED] })',
  `orders(PAGE, filter: { placedAt: { from: "${SOME}" } }, orderBy: { field: UPDATED_AT, direction: DESC })`,
  'tickets(PAGE)',
  'tickets(PAGE, orderBy: { field: CLOSED_AT, direction: ASC })',
  'tickets(PAGE, filter: { status: [OPEN, PENDING], priority: [HIGH, URGENT] })',
])('a list has what belongs to the customers of an agent, whether these are few, many or none: %s', async (list) => {
  const all = await walked(await asking(undefined), list, 'first');
  expect(all.length).toBeGreaterThan(0);
  for (const owner of [FEW, MANY, NONE]) {
    const ask = await asking(owner);
    const mine = all.filter(({ customer }) => customer.owner.id === nodeId('Agent', owner));
    expect(await walked(ask, list, 'first')).toEqual(mine);
    expect((await walked(ask, list, 'last')).toReversed()).toEqual(mine);
    const { counted } = await ask(`{ counted: ${list.replace('PAGE', 'first: 1')} { totalCount } }`);
    expect(counted.totalCount).toBe(mine.length);
  }
});

const readFor = async (owner: number, query: string): Promise<number> => {
  const ask = await asking(owner);
  await ask(query);
  return rows.rowsRead(() => ask(query));
};

test.each(['orders', 'tickets'])('what an agent with few customers reads of %s is as little', async (list) => {
  const page = await readFor(FEW, `{ ${list}(first: 20) { nodes { id } pageInfo { hasNextPage } } }`);
  const count = await readFor(FEW, `{ ${list} { totalCount } }`);
  expect([page < 150, count < 60]).toEqual([true, true]);
});

test.each(['orders', 'tickets'])('an agent with many customers reads %s in order', async (list) => {
  const page = await readFor(MANY, `{ ${list}(first: 20) { nodes { id } } }`);
  // Two statements look whether there are many.
  expect(page).toBeLessThan(2 * narrowRows(1) + 150);
});

test.each(['orders', 'tickets'])('an agent without customers reads nothing of %s', async (list) => {
  expect(await readFor(NONE, `{ ${list}(first: 20) { nodes { id } totalCount } }`)).toBeLessThan(30);
});
