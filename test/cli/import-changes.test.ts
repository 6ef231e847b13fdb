import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { verifyDatabase } from '../../src/data/verify/verify-database.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { nodeId } from '../support/seeded.ts';
import {
  cleanUpImports,
  customers,
  folderOf,
  freshDatabase,
  importFrom,
  mappingOf,
  orderItems,
  orders,
  products,
} from './import-run.ts';
import { query } from './table-contents.ts';

const at = { constant: '2024-01-01' };
const TARGETS = {
  orders: { ...orders, status: 'status' },
  orderItems,
  tickets: { number: 'no', customer: 'customer', subject: 'subject', openedAt: at },
};
const FILES = {
  'customers.csv': 'id,name,email\n1,Ann,\n2,Bob,\n',
  'products.csv': 'sku,price\nP,1.50\nQ,2\n',
  'orders.csv': 'no,customer,status\nO1,1,PENDING\nO2,1,PENDING\n',
  'orderItems.csv': 'no,sku,pieces,price\nO1,P,4,1.50\nO2,P,1,1.50\n',
  'tickets.csv': 'no,customer,subject\nT1,1,Old\nT2,1,Same\n',
};

let url: string;
let gateway: TestGateway;

const again = async (files: Readonly<Record<string, string>>, targets: Readonly<Record<string, object>>) =>
  importFrom(url, await folderOf(files), mappingOf(targets));
const drifts = async () => (await verifyDatabase({ databaseUrl: url })).drifts;
const idOf = async (type: string, number: string): Promise<string> => {
  const [table, column] = type === 'Customer' ? ['customers', 'external_id'] : [`${type.toLowerCase()}s`, 'number'];
  const [row] = await query(url, `SELECT id FROM ${table} WHERE ${column} = ?`, [number]);
  return nodeId(type, String(row?.['id']));
};
const rows = (table: string) => query(url, `SELECT number, version FROM ${table} ORDER BY number`);

interface Entry {
  readonly nodeId: string;
  readonly version: number;
  readonly fields: readonly object[];
}

/** The entries about a row in the record of a customer, by external id, oldest first. */
async function entries(customer: string, node: string) {
  const data = await gateway.data(
    `query($id: ID!) { customer(by: { id: $id }) { changes(first: 50) {
      nodes { nodeId version action actor fields { field before after } } } } }`,
    { id: await idOf('Customer', customer) },
  );
  const nodes = data.customer.changes.nodes as readonly Entry[];
  return nodes.filter(({ nodeId: about }) => about === node).toReversed();
}

async function mutate(name: string, type: string, input: object) {
  const mutation = `mutation($input: ${type}!) { ${name}(input: $input) { userErrors { code } } }`;
  return (await gateway.data(mutation, { input }))[name].userErrors as unknown[];
}

beforeAll(async () => {
  url = await freshDatabase();
  await again(FILES, { customers, products, ...TARGETS });
  gateway = await startGateway({ databaseUrl: url, settings: PATIENT });
});

afterAll(async () => {
  await gateway.close();
  await cleanUpImports();
});

test('an import raises the versions of the orders and tickets that it changes, and records what it has changed', async () => {
  const files = {
    'orders.csv': 'no,customer,status\nO1,1,PAID\nO2,1,PENDING\n',
    'orderItems.csv': 'no,sku,pieces,price\nO1,P,2,1.50\nO1,Q,1,2\nO2,P,1,1.50\n',
    'tickets.csv': 'no,customer,subject\nT1,1,New\nT2,1,Same\nT3,1,New\n',
  };
  expect((await again(files, TARGETS)).exitCode).toBe(0);
  expect(await rows('orders')).toEqual([
    { number: 'O1', version: 2 },
    { number: 'O2', version: 1 },
  ]);
  expect(await rows('tickets')).toEqual([
    { number: 'T1', version: 2 },
    { number: 'T2', version: 1 },
    { number: 'T3', version: 1 },
  ]);
  const entry = { version: 2, action: 'IMPORTED', actor: 'import:test' };
  const [order, ticket] = [await idOf('Order', 'O1'), await idOf('Ticket', 'T1')];
  const fields = [
    { field: 'status', before: 'PENDING', after: 'PAID' },
    { field: 'total', before: '6.00', after: '5.00' },
    { field: 'items', before: '1', after: '2' },
  ];
  expect(await entries('1', order)).toEqual([{ nodeId: order, ...entry, fields }]);
  expect(await entries('1', ticket)).toEqual([
    { nodeId: ticket, ...entry, fields: [{ field: 'subject', before: 'Old', after: 'New' }] },
  ]);
  for (const unchanged of ['T2', 'T3']) expect(await entries('1', await idOf('Ticket', unchanged))).toEqual([]);
  const input = { id: order, status: 'SHIPPED', expectedVersion: 1 };
  expect(await mutate('updateOrderStatus', 'UpdateOrderStatusInput', input)).toEqual([{ code: 'CONFLICT' }]);
  expect(await drifts()).toEqual([]);
  const before = await query(url, 'SELECT COUNT(*) AS n FROM customer_changes');
  expect((await again(files, TARGETS)).counts['orders']).toEqual([2, 0, 0, 2, 0]);
  expect(await query(url, 'SELECT COUNT(*) AS n FROM customer_changes')).toEqual(before);
});

test('an import of order lines alone raises the version too, even if their total and number stay the same', async () => {
  const order = await idOf('Order', 'O2');
  const { exitCode } = await again({ 'orderItems.csv': 'no,sku,pieces,price\nO2,P,3,0.50\n' }, { orderItems });
  expect(exitCode).toBe(0);
  const fields = [{ field: 'items', before: '1', after: '1' }];
  expect(await entries('1', order)).toMatchObject([{ version: 2, action: 'IMPORTED', fields }]);
  expect(await drifts()).toEqual([]);
});

test('an import leaves a mapped time of the last change as it is when only something else changes', async () => {
  const run = async (subject: string) => {
    const files = { 'tickets.csv': `no,customer,subject\nT5,1,${subject}\n` };
    return (await again(files, { tickets: { ...TARGETS.tickets, updatedAt: at } })).counts['tickets'];
  };
  expect([await run('Old'), await run('New'), await run('New')]).toEqual([
    [1, 1, 0, 0, 0],
    [1, 0, 1, 0, 0],
    [1, 0, 0, 1, 0],
  ]);
});

const interactions = {
  externalId: 'no',
  customer: 'customer',
  kind: { constant: 'NOTE' },
  body: { constant: 'x' },
  occurredAt: at,
};

test('what belongs to an order, a ticket or an interaction moves to another customer with it', async () => {
  const before = {
    'tickets.csv': 'no,customer,subject\nT1,1,New\nT4,2,New\n',
    'interactions.csv': 'no,customer,ticket\nI1,1,T1\nI2,1,\nI3,1,T2\nI4,2,T4\n',
  };
  const withTicket = { ...interactions, ticket: 'ticket' };
  await again(before, { tickets: TARGETS.tickets, interactions: withTicket });
  const [order, one, four] = [await idOf('Order', 'O1'), await idOf('Ticket', 'T1'), await idOf('Ticket', 'T4')];
  const note = { customerId: await idOf('Customer', '1'), ticketId: one, kind: 'NOTE', body: 'by a gateway' };
  expect(await mutate('logInteraction', 'LogInteractionInput', note)).toEqual([]);
  const priority = { id: four, priority: 'HIGH' };
  expect(await mutate('updateTicket', 'UpdateTicketInput', priority)).toEqual([]);
  const moved = {
    'orders.csv': 'no,customer\nO1,2\n',
    'tickets.csv': 'no,customer,subject\nT1,2,New\nT4,1,New\n',
    'interactions.csv': 'no,customer\nI1,2\nI2,2\nI4,1\n',
  };
  const { counts } = await again(moved, { orders, tickets: TARGETS.tickets, interactions });
  // The tickets had taken two of the interactions along.
  expect(counts).toEqual({ orders: [1, 0, 1, 0, 0], tickets: [2, 0, 2, 0, 0], interactions: [3, 0, 1, 2, 0] });
  expect(await drifts()).toEqual([]);
  const versions = async (customer: string, node: string) =>
    (await entries(customer, node)).map(({ version }) => version);
  for (const [node, from, to, expected] of [
    [order, '1', '2', [2, 3]],
    [one, '1', '2', [2, 3]],
    [four, '2', '1', [2, 3]],
  ] as const)
    expect([await versions(from, node), await versions(to, node)]).toEqual([[], expected]);
  const ids = { before: await idOf('Customer', '1'), after: await idOf('Customer', '2') };
  expect((await entries('2', order)).at(-1)?.fields).toEqual([{ field: 'customerId', ...ids }]);
  const owners = `SELECT i.body, i.external_id AS number, c.external_id AS owner
    FROM interactions AS i JOIN customers AS c ON c.id = i.customer_id ORDER BY number`;
  expect(await query(url, owners)).toEqual([
    { body: 'by a gateway', number: null, owner: '2' },
    ...[
      ['I1', '2'],
      ['I2', '2'],
      ['I3', '1'],
      ['I4', '1'],
    ].map(([number, owner]) => ({ body: 'x', number, owner })),
  ]);
});

test("an interaction about a ticket does not move away from the ticket's customer", async () => {
  const { rejects } = await again({ 'interactions.csv': 'no,customer\nI3,2\nI2,1\n' }, { interactions });
  expect(rejects['interactions.rejected.csv']).toEqual([
    '2,"customer: expected the one of the ticket that the interaction is about, got another","customer","interactions.csv","I3,2"',
  ]);
  expect(await drifts()).toEqual([]);
});
