import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { customerOf, idOf, rowOf, startWritingGateway, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;

beforeAll(async () => {
  gateway = await startWritingGateway();
});

afterAll(() => gateway.close());

const FULL = {
  externalId: ' crm-1 ',
  name: '  Иван Müller 👩‍🚀 ',
  email: ' Ivan@Example.COM ',
  phone: { number: '030 123456', country: 'DE' },
  company: '株式会社',
  status: 'ACTIVE',
  tags: [' VIP ', 'vip', 'été', 'newsletter'],
  addresses: [
    { label: 'billing', line1: 'Unter den Linden 1', city: 'Berlin', postalCode: '10117', country: 'DE' },
    { line1: '中关村大街1号', line2: '3', region: '北京' },
  ],
  ownerId: idOf('Agent', 1),
};

test('every field is written normalised, with tags, addresses, statistics and the first change', async () => {
  const before = new Date(Date.now() - 1);
  const id = rowOf(customerOf(await gateway.create(FULL)).id);
  const [row] = await gateway.sql('SELECT * FROM customers WHERE id = ?', [id]);
  expect(row).toMatchObject({
    external_id: 'crm-1',
    name: 'Иван Müller 👩‍🚀',
    email: 'ivan@example.com',
    phone: '+4930123456',
    company: '株式会社',
    status: 'ACTIVE',
    owner_id: 1n,
    version: 1,
  });
  expect(row?.['updated_at']).toEqual(row?.['created_at']);
  expect(Number(row?.['created_at'])).toBeGreaterThanOrEqual(Number(before));
  expect(Number(row?.['created_at'])).toBeLessThanOrEqual(Date.now());
  const tags = await gateway.sql(
    `SELECT t.tag FROM customer_tags AS t JOIN customers AS c ON c.id = t.customer_id
     WHERE c.id = ? AND t.created_at = c.created_at AND t.updated_at = c.updated_at AND BINARY t.name = BINARY c.name`,
    [id],
  );
  expect(new Set(tags.map(({ tag }) => tag))).toEqual(new Set(['VIP', 'newsletter', 'été']));
  const addresses = await gateway.sql('SELECT * FROM customer_addresses WHERE customer_id = ? ORDER BY position', [id]);
  const empty = {
    customer_id: BigInt(id),
    label: null,
    line2: null,
    city: null,
    region: null,
    postal_code: null,
    country: null,
  };
  expect(addresses).toEqual([
    {
      ...empty,
      position: 0,
      label: 'billing',
      line1: 'Unter den Linden 1',
      city: 'Berlin',
      postal_code: '10117',
      country: 'DE',
    },
    { ...empty, position: 1, line1: '中关村大街1号', line2: '3', region: '北京' },
  ]);
  expect(await gateway.sql('SELECT * FROM customer_stats WHERE customer_id = ?', [id])).toEqual([
    { customer_id: BigInt(id), order_count: 0, open_ticket_count: 0, last_order_at: null },
  ]);
  expect(await gateway.sql('SELECT * FROM customer_values WHERE customer_id = ?', [id])).toEqual([]);
  const changes = await gateway.sql('SELECT * FROM customer_changes WHERE customer_id = ?', [id]);
  expect(changes).toMatchObject([{ version: 1, action: 'CREATED', actor: null }]);
  const fields: { field: string; before: unknown; after: string }[] = JSON.parse(String(changes[0]?.['changes']));
  expect(fields.every(({ before: was }) => was === null)).toBe(true);
  expect(Object.fromEntries(fields.map(({ field, after }) => [field, after]))).toEqual({
    externalId: 'crm-1',
    name: 'Иван Müller 👩‍🚀',
    email: 'ivan@example.com',
    phone: '+4930123456',
    company: '株式会社',
    status: 'ACTIVE',
    ownerId: '1',
    tags: 'été, newsletter, VIP',
    addresses:
      'label: "billing", line1: "Unter den Linden 1", city: "Berlin", postalCode: "10117", country: "DE"; ' +
      'line1: "中关村大街1号", line2: "3", region: "北京"',
  });
});

test('a name is enough: the status is LEAD, and everything else is empty', async () => {
  const customer = customerOf(await gateway.create({ name: 'x' }));
  expect(customer).toMatchObject({ name: 'x', version: 1 });
  const data = await gateway.data(
    `query($id: ID!) { customer(by: { id: $id }) { externalId email phone company status tags owner { id } addresses { line1 }
       summary { orderCount openTicketCount lastOrderAt lifetimeValue { amount } }
       changes(first: 5) { nodes { version action fields { field } } } } }`,
    { id: customer.id },
  );
  expect(data.customer).toEqual({
    ...{
      externalId: null,
      email: null,
      phone: null,
      company: null,
      status: 'LEAD',
      tags: [],
      owner: null,
      addresses: [],
    },
    summary: { orderCount: 0, openTicketCount: 0, lastOrderAt: null, lifetimeValue: [] },
    changes: { nodes: [{ version: 1, action: 'CREATED', fields: [{ field: 'name' }, { field: 'status' }] }] },
  });
});

test('null means the same as omitting a field', async () => {
  const nothing = {
    externalId: null,
    email: null,
    phone: null,
    company: null,
    tags: null,
    addresses: null,
    ownerId: null,
  };
  const id = rowOf(customerOf(await gateway.create({ name: 'Nobody', ...nothing })).id);
  const [row] = await gateway.sql('SELECT external_id, email, phone, company, owner_id FROM customers WHERE id = ?', [
    id,
  ]);
  expect(Object.values(row ?? {})).toEqual([null, null, null, null, null]);
});

test('several customers may have no email and no external id', async () => {
  const both = [await gateway.create({ name: 'First' }), await gateway.create({ name: 'Second' })];
  expect(both.map(({ userErrors }) => userErrors)).toEqual([[], []]);
});

test('tags that differ only in case or composition count as one', async () => {
  const tags = ['Café', 'CAFÉ', 'cafe\u0301', 'straße', 'STRAßE', '👍', '🎉'];
  const { customer, userErrors } = await gateway.create({ name: 'Tagged', tags });
  expect(userErrors).toEqual([]);
  const data = await gateway.data(
    'query($id: ID!) { customer(by: { id: $id }) { tags changes { nodes { fields { field after } } } } }',
    { id: customer?.id },
  );
  expect(new Set(data.customer.tags)).toEqual(new Set(['Café', 'straße', '👍', '🎉']));
  const [change] = data.customer.changes.nodes;
  const told = change.fields.find(({ field }: { field: string }) => field === 'tags');
  expect(told.after).toBe('Café, straße, 🎉, 👍');
});

test('a new customer appears at once in results that were cached before', async () => {
  const query = '{ customers { totalCount } }';
  const count = (await gateway.data(query)).customers.totalCount;
  expect((await gateway.request(query)).headers.get('x-cache')).toBe('HIT');
  await gateway.create({ name: 'One more' });
  expect((await gateway.data(query)).customers.totalCount).toBe(count + 1);
});
