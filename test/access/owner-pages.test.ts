import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { ANY_COST, type Answer } from '../support/gateway.ts';
import { LISTS } from '../support/lists.ts';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import { nodeId } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';
import { bearing, BY_SECRET, tokenOf } from './tokens.ts';

const MINE = nodeId('Agent', 1);
const CUSTOMERS = 30;
/** A cursor of each row is sent at once. */
const SETTINGS = { ...BY_SECRET, ...ANY_COST, LIMIT_ALIASES: '1000', LIMIT_ROOT_FIELDS: '1000', LIMIT_TOKENS: '10000' };

let gateway: OwnGateway;
/** A ticket of an own customer, which is assigned to the other agent. */
let ticket: string;
let everybody: (query: string) => Promise<Answer['data']>;
let mine: (query: string) => Promise<Answer['data']>;

/** Agent 1 has a few customers, and agent 2 all others. All tickets but one are assigned to agent 1. */
async function divide(databaseUrl: string): Promise<void> {
  await withConnection(databaseUrl, async (connection) => {
    await connection.query('UPDATE customers SET owner_id = IF(id IN (9, 15, 21), 1, 2)');
    await connection.query(
      'UPDATE customer_tags AS t JOIN customers AS c ON c.id = t.customer_id SET t.owner_id = c.owner_id',
    );
    await connection.query('UPDATE tickets SET assignee_id = 1, customer_id = IF(id % 5 = 3, 15, 2)');
    await connection.query(
      'INSERT INTO customer_tags (customer_id, tag, name, owner_id, created_at, updated_at) SELECT id, ?, name, owner_id, created_at, updated_at FROM customers',
      ['of all'],
    );
    const [own] = await connection.query<{ id: bigint }[]>('SELECT MIN(id) AS id FROM tickets WHERE customer_id = 15');
    await connection.query('UPDATE tickets SET assignee_id = 2 WHERE id = ?', [own?.id]);
    ticket = nodeId('Ticket', String(own?.id));
  });
}

beforeAll(async () => {
  gateway = await startOwnGateway(SETTINGS, async (databaseUrl) => {
    await seedDatabase({ databaseUrl, customers: CUSTOMERS, ordersPerCustomer: 2, seed: 1 });
    await divide(databaseUrl);
  });
  const asking = async (claims: object) => {
    const headers = bearing(await tokenOf({ scope: 'crm:read crm:pii', ...claims }));
    return async (query: string): Promise<Answer['data']> => {
      const { data, errors } = await gateway.request(query, { headers });
      expect(errors).toEqual([]);
      return data;
    };
  };
  everybody = await asking({});
  mine = await asking({ owner: MINE });
});
afterAll(() => gateway.close());

interface Owner {
  readonly owner: { readonly id: string };
}
interface Place {
  readonly cursor: string;
  readonly node: Owner | { readonly customer: Owner };
}
const isMine = ({ node }: Place): boolean => ('owner' in node ? node : node.customer).owner.id === MINE;

/** The fields of the object that has the list, however deep it is. */
const fieldsAt = (data: Answer['data'], within: string): Answer['data'] =>
  [...within.matchAll(/(\w+)(?:\([^)]*\))? \{/g)].reduce((value, [, name = '']) => value[name], data);

/** Every row of a list with its cursor, as somebody has them who sees those of others, too. */
async function places(within: string, list: string): Promise<readonly Place[]> {
  const owner = list.includes('ustomers(') ? 'owner { id }' : 'customer { owner { id } }';
  const all = list.replace('PAGE', 'first: 100');
  const selection = `list: ${all} { edges { cursor node { id ${owner} } } pageInfo { hasNextPage } }`;
  const found = fieldsAt(await everybody(`{ ${within.replace('LIST', selection)} }`), within).list;
  expect(found.pageInfo.hasNextPage).toBe(false);
  return found.edges;
}

/** For each row, whether the caller with customers of their own is told of any on the other side of its cursor. */
async function told(within: string, list: string, { at, cursors }: { at: 'after' | 'before'; cursors: string[] }) {
  const [size, info] = at === 'after' ? ['first', 'hasPreviousPage'] : ['last', 'hasNextPage'];
  const pages = cursors.map(
    (cursor, i) => `p${i}: ${list.replace('PAGE', `${size}: 1, ${at}: "${cursor}"`)} { pageInfo { ${info} } }`,
  );
  const found = fieldsAt(await mine(`{ ${within.replace('LIST', pages.join(' '))} }`), within);
  return cursors.map((_, i) => found[`p${i}`].pageInfo[info]);
}

async function check(within: string, list: string): Promise<readonly boolean[]> {
  const rows = await places(within, list);
  const cursors = rows.map(({ cursor }) => cursor);
  const owned = rows.map(isMine);
  const before = owned.map((_, i) => owned.slice(0, i + 1).includes(true));
  expect(await told(within, list, { at: 'after', cursors })).toEqual(before);
  if (list.startsWith('search')) return before;
  const after = owned.map((_, i) => owned.slice(i).includes(true));
  expect(await told(within, list, { at: 'before', cursors })).toEqual(after);
  return [...before, ...after];
}

const ORDERS = LISTS.flatMap(({ name, field, parent, orders }) =>
  orders.map((by) => ({ name, field, parent, list: `${field}(PAGE, orderBy: { ${orderOf(by)} })` })),
);
function orderOf({
  field = '',
  direction,
}: {
  readonly field: string | undefined;
  readonly direction: string;
}): string {
  return `field: ${field}, direction: ${direction}`;
}
const OF_ALL = ORDERS.filter(({ parent, field }) => parent === undefined && !['agents', 'products'].includes(field));
const OF_AGENTS = ORDERS.filter(({ parent }) => parent?.type === 'Agent');

test('the lists of this file are all that have rows of several customers', () => {
  const known = new Set([...OF_ALL, ...OF_AGENTS].map(({ name }) => name));
  expect([...known]).toEqual(['Query.customers', 'Query.orders', 'Query.tickets', 'Agent.customers', 'Agent.tickets']);
  const others = LISTS.filter(({ name }) => !known.has(name)).map(({ name, parent }) => parent?.type ?? name);
  expect([...new Set(others)].toSorted()).toEqual(['Customer', 'Query.agents', 'Query.products', 'Ticket']);
});

const FILTERED = [
  'customers(PAGE, filter: { tag: "of all" })',
  'customers(PAGE, filter: { tag: "of all" }, orderBy: { field: NAME })',
  'customers(PAGE, filter: { status: [LEAD, ACTIVE, INACTIVE, CHURNED] }, orderBy: { field: UPDATED_AT })',
  'customers(PAGE, filter: { createdAt: { from: "2001-01-01T00:00:00Z" } })',
  'orders(PAGE, filter: { status: [PENDING, PAID, SHIPPED, DELIVERED, CANCELLED, REFUNDED] })',
  'orders(PAGE, filter: { updatedAt: { from: "2001-01-01T00:00:00Z" } }, orderBy: { field: UPDATED_AT })',
  'tickets(PAGE, filter: { status: [OPEN, PENDING, RESOLVED, CLOSED] })',
  'searchCustomers(PAGE, text: "a")',
];

test.each([...OF_ALL.map(({ list }) => list), ...FILTERED])(
  'a cursor tells of no rows on its other side but of those of own customers: %s',
  async (list) => {
    // By rows of others alone, there would be some.
    expect(new Set(await check('LIST', list))).toEqual(new Set([true, false]));
  },
);

test.each(OF_AGENTS.map(({ list }) => list))('nor does one in a list of an agent: %s', async (list) => {
  const isOfTickets = list.startsWith('tickets');
  // The own customers are all that the own agent has.
  const own = await check(`agent(id: "${MINE}") { LIST }`, list);
  expect(new Set(own)).toEqual(new Set(isOfTickets ? [true, false] : [true]));
  const other = await check(`ticket(by: { id: "${ticket}" }) { assignee { LIST } }`, list);
  expect(new Set(other)).toEqual(new Set([isOfTickets]));
});
