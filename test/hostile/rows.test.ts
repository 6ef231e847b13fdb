import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MANY_AT_ONCE, PATIENT } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { withConnection } from '../support/servers.ts';
import { startSmallHeapGateway, type SmallHeapGateway } from './small-heap-gateway.ts';

/** A hundred customers with a hundred interactions each, of 10,000 characters: 100 MB. */
async function fill(databaseUrl: string): Promise<void> {
  const ids = Array.from({ length: 100 }, (_, i) => i + 1);
  await withConnection(databaseUrl, async (sql) => {
    await sql.query(
      `INSERT INTO customers (id, name, created_at, updated_at) VALUES ${ids.map((id) => `(${id}, 'C${id}', NOW(), NOW())`).join()}`,
    );
    await sql.query(
      `INSERT INTO interactions (id, customer_id, kind, body, occurred_at)
       SELECT a.id * 100 + b.id, a.id, 'CALL', REPEAT('b', 10000), NOW() FROM customers a, customers b`,
    );
  });
}

const bodiesOf = (customers: number): string =>
  `{ customers(first: ${customers}) { nodes { interactions(first: 100) { nodes { body } } } } }`;

let gateway: SmallHeapGateway;
beforeAll(async () => {
  gateway = await startSmallHeapGateway(256, { settings: { ...PATIENT, ...MANY_AT_ONCE }, fill });
});
afterAll(() => gateway.close());

test('many rows of long texts, read by several statements at once, do not fill a heap that is smaller', async () => {
  const isAnswered = async () => 'data' in ((await gateway.ask('{ customers(first: 1) { nodes { id } } }')) as object);
  expect((await gateway.send({ query: bodiesOf(10) })).codes).toEqual([]);
  const attacks = Array.from({ length: 6 }, () => gateway.send({ query: bodiesOf(98) }));
  await until('a bystander to be answered', isAnswered);
  const codes = (await Promise.all(attacks)).flatMap((answer) => answer.codes);
  expect(codes).toHaveLength(6);
  expect(new Set(codes).difference(new Set(['QUERY_TOO_COMPLEX', 'SERVICE_UNAVAILABLE']))).toEqual(new Set());
  await until('a bystander to be answered', isAnswered);
});
