import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PATIENT, startGateway } from '../support/gateway.ts';
import { nodeId } from '../support/seeded.ts';
import {
  cleanUpImports,
  customers,
  expectSums,
  folderOf,
  freshDatabase,
  importFrom,
  mappingOf,
  orders,
} from './import-run.ts';
import { untilWaiting } from '../mutations/writing-gateway.ts';
import { withConnection } from '../support/servers.ts';
import { contradictions, contentsHash, query } from './table-contents.ts';

const mapping = mappingOf({
  customers: { ...customers, tags: [{ column: 'tags', split: ';' }] },
  orders,
  tickets: {
    ...{ number: 'no', customer: 'customer', subject: 'no', openedAt: { constant: '2024-01-01' } },
    status: { constant: 'OPEN' },
  },
  interactions: {
    ...{ externalId: 'no', customer: 'customer', kind: { constant: 'NOTE' }, body: 'no', ticket: 'ticket' },
    occurredAt: { constant: '2024-01-01' },
  },
});

const FILES = {
  'customers.csv': 'id,name,email,tags\n1,Ann,ann@example.com,a\n2,Anne,anne@example.com,\n3,Cat,,\n',
  'orders.csv': 'no,customer\nO1,1\nO2,2\n',
  'tickets.csv': 'no,customer\nT2,2\n',
  'interactions.csv': 'no,customer,ticket\nI2,2,T2\n',
};

let url: string;

/** Merges a customer into another, by external id; null for the one without. */
async function merge(keep: string | null, merged: string): Promise<void> {
  const rows = await query(url, 'SELECT id, external_id FROM customers');
  const idOf = (externalId: string | null) =>
    nodeId('Customer', String(rows.find((row) => row['external_id'] === externalId)?.['id']));
  const mutation = 'mutation($input: MergeCustomersInput!) { mergeCustomers(input: $input) { userErrors { code } } }';
  const gateway = await startGateway({ databaseUrl: url, settings: PATIENT });
  try {
    const data = await gateway.data(mutation, { input: { keepId: idOf(keep), mergeId: idOf(merged) } });
    expect(data.mergeCustomers.userErrors).toEqual([]);
  } finally {
    await gateway.close();
  }
}

async function importAndMerge(keep: string | null, merged: string): Promise<void> {
  await importFrom(url, await folderOf(FILES), mapping);
  await merge(keep, merged);
}

beforeEach(async () => {
  url = await freshDatabase();
});

afterEach(cleanUpImports);

describe('an import of a customer that was merged into another', () => {
  test('of the same files changes nothing', async () => {
    await importAndMerge('1', '2');
    const before = await contentsHash(url);
    const { exitCode, counts } = await importFrom(url, await folderOf(FILES), mapping);
    expect(exitCode).toBe(0);
    expect(counts).toEqual({
      customers: [3, 0, 0, 3, 0],
      orders: [2, 0, 0, 2, 0],
      tickets: [1, 0, 0, 1, 0],
      interactions: [1, 0, 0, 1, 0],
    });
    expect(await contentsHash(url)).toBe(before);
  });

  test('does not bring it back, leaves the kept one as its own row says, and moves what refers to either to the kept one', async () => {
    await importAndMerge('1', '2');
    const { exitCode, counts } = await importFrom(
      url,
      await folderOf({
        'customers.csv': 'id,name,email,tags\n2,Annette,new@example.com,c;d\n1,Anna,ann@example.com,a;b\n',
        'orders.csv': 'no,customer\nO2,2\nO3,2\nO4,1\n',
        'tickets.csv': 'no,customer\nT2,2\nT3,2\n',
        'interactions.csv': 'no,customer,ticket\nI3,2,T3\nI4,1,T2\n',
      }),
      mapping,
    );
    expect(exitCode).toBe(0);
    expectSums(counts);
    expect(counts).toEqual({
      customers: [2, 0, 1, 1, 0],
      orders: [3, 2, 0, 1, 0],
      tickets: [2, 1, 0, 1, 0],
      interactions: [2, 2, 0, 0, 0],
    });
    expect(await query(url, 'SELECT external_id, name, email FROM customers ORDER BY external_id')).toEqual([
      { external_id: '1', name: 'Anna', email: 'ann@example.com' },
      { external_id: '3', name: 'Cat', email: null },
    ]);
    const owned = `SELECT COUNT(*) AS n FROM orders AS o JOIN customers AS c ON c.id = o.customer_id WHERE c.external_id = '1'`;
    for (const [table, n] of [
      ['orders', '4'],
      ['tickets', '2'],
      ['interactions', '3'],
    ] as const)
      expect(await query(url, owned.replace('orders', table))).toEqual([{ n }]);
    expect(await contradictions(url)).toEqual([]);
  });

  test('during a merge moves what refers to either to the kept one', async () => {
    await importFrom(url, await folderOf(FILES), mapping);
    const folder = await folderOf({ 'orders.csv': 'no,customer\nO3,2\n' });
    const running: Promise<unknown>[] = [];
    await withConnection(url, async (connection) => {
      await connection.beginTransaction();
      await connection.query("SELECT id FROM customers WHERE external_id = '2' FOR UPDATE");
      running.push(merge('1', '2'));
      await untilWaiting(1, { databaseUrl: url });
      running.push(importFrom(url, folder, mappingOf({ orders })));
      await untilWaiting(2, { databaseUrl: url });
      await connection.commit();
    });
    await Promise.all(running);
    const rows = await query(
      url,
      'SELECT number, c.external_id FROM orders AS o JOIN customers AS c ON c.id = o.customer_id ORDER BY number',
    );
    expect(rows).toEqual(['O1', 'O2', 'O3'].map((number) => ({ number, external_id: '1' })));
    expect(await contradictions(url)).toEqual([]);
  });

  test('updates the kept one if it has taken over the external id', async () => {
    await query(url, "INSERT INTO customers (id, name, updated_at) VALUES (900, 'Own', NOW(3))");
    await query(url, 'INSERT INTO customer_stats (customer_id) VALUES (900)');
    await importAndMerge(null, '2');
    const files = { 'customers.csv': 'id,name,email,tags\n2,Annette,anne@example.com,b\n' };
    const { counts } = await importFrom(url, await folderOf(files), mappingOf({ customers }));
    expect(counts['customers']).toEqual([1, 0, 1, 0, 0]);
    expect(await query(url, 'SELECT id, name, email, version FROM customers WHERE id = 900')).toEqual([
      { id: '900', name: 'Annette', email: 'anne@example.com', version: 3 },
    ]);
  });
});
