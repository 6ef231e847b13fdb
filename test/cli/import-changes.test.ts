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

/** The entries about a row in the record of a customer, by external id, oldest first. */
async function entries(customer: string, node: string) {
  const data = await gateway.data(
    `query($id: ID!) { customer(by: { id: $id }) { changes(first: 50) {
      nodes { nodeId version action actor fields { field before after } } } } }`,
    { id: await idOf('Customer', customer) },
  );
  const nodes = data.customer.changes.nodes as readonly { nodeId: string }[];
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
