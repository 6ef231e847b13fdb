import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { aMoment, customerOf, rowOf, startWritingGateway, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;
let customerId: string;

beforeAll(async () => {
  gateway = await startWritingGateway();
});

afterAll(() => gateway.close());

const HOME = { label: 'home', line1: 'Unter den Linden 1', city: 'Berlin', postalCode: '10117', country: 'DE' };
const HOME_TEXT = 'label: "home", line1: "Unter den Linden 1", city: "Berlin", postalCode: "10117", country: "DE"';
const WORK = { line1: 'Main Street 1', line2: 'Floor 2', region: 'CA' };
const WORK_TEXT = 'line1: "Main Street 1", line2: "Floor 2", region: "CA"';

beforeEach(async () => {
  customerId = customerOf(await gateway.create({ name: 'Ada', tags: ['one'], addresses: [HOME, WORK] })).id;
});

const READ = `query($id: ID!) { customer(by: { id: $id }) { version updatedAt
  addresses { label line1 line2 city region postalCode country } changes(first: 1) { nodes { version action fields { field before after } } } } }`;
const read = async () => (await gateway.data(READ, { id: customerId })).customer;
const empty = { label: null, line2: null, city: null, region: null, postalCode: null, country: null };

describe('setAddresses', () => {
  test('replaces all addresses, raises the version, and records both lists in the record of changes', async () => {
    const row = BigInt(rowOf(customerId));
    const before = await gateway.everything();
    await aMoment();
    const answer = await gateway.setAddresses({ customerId, addresses: [{ ...WORK, city: ' Nowhere ' }, HOME, WORK] });
    expect(answer).toEqual({ customer: { id: customerId, version: 2, name: 'Ada' }, userErrors: [] });
    expect(await read()).toMatchObject({
      version: 2,
      addresses: [
        { ...empty, ...WORK, city: 'Nowhere' },
        { ...empty, ...HOME },
        { ...empty, ...WORK },
      ],
      changes: {
        nodes: [
          {
            ...{ version: 2, action: 'UPDATED' },
            fields: [
              {
                field: 'addresses',
                before: `${HOME_TEXT}; ${WORK_TEXT}`,
                after: `line1: "Main Street 1", line2: "Floor 2", city: "Nowhere", region: "CA"; ${HOME_TEXT}; ${WORK_TEXT}`,
              },
            ],
          },
        ],
      },
    });
    const after = await gateway.everything();
    const others = (tables: typeof after) =>
      Object.entries(tables).map(([table, rows]) => [
        table,
        rows.filter((one) => (table === 'customers' ? one['id'] : one['customer_id']) !== row),
      ]);
    expect(others(after)).toEqual(others(before));
    expect(
      after['customer_addresses']?.filter((one) => one['customer_id'] === row).map((one) => one['position']),
    ).toEqual([0, 1, 2]);
    const [tag] = await gateway.sql(
      'SELECT t.tag FROM customer_tags AS t JOIN customers AS c ON c.id = t.customer_id AND c.updated_at = t.updated_at WHERE c.id = ?',
      [row],
    );
    expect(tag).toEqual({ tag: 'one' });
  });

  test('removes all addresses if none are given', async () => {
    expect((await gateway.setAddresses({ customerId, addresses: [] })).userErrors).toEqual([]);
    expect(await read()).toMatchObject({
      ...{ version: 2, addresses: [] },
      changes: { nodes: [{ fields: [{ field: 'addresses', before: `${HOME_TEXT}; ${WORK_TEXT}`, after: null }] }] },
    });
    expect((await gateway.setAddresses({ customerId, addresses: [] })).customer?.version).toBe(2);
  });

  test('writes nothing if the addresses are the same', async () => {
    const before = await gateway.everything();
    const addresses = [{ ...HOME, line1: ' Unter den Linden 1 ', region: null }, WORK];
    expect(await gateway.setAddresses({ customerId, addresses, expectedVersion: 1 })).toEqual({
      customer: { id: customerId, version: 1, name: 'Ada' },
      userErrors: [],
    });
    expect(await gateway.everything()).toEqual(before);
  });

  test('treats another order, a part in another field, and a difference in case as changes', async () => {
    for (const [version, addresses] of [
      [WORK, HOME],
      [HOME, { line1: WORK.line1, city: WORK.line2, region: WORK.region }],
      [HOME, { line1: `${WORK.line1}", line2: "${WORK.line2}`, region: WORK.region }],
      [HOME, { ...WORK, region: 'Ca' }],
    ].entries()) {
      expect((await gateway.setAddresses({ customerId, addresses })).customer?.version).toBe(version + 2);
      const { changes } = await read();
      expect(changes.nodes[0].fields.length).toBe(1);
    }
  });

  test('shows the new addresses at once in results that were cached before', async () => {
    const query = 'query($id: ID!) { customer(by: { id: $id }) { addresses { line1 } } }';
    await gateway.data(query, { id: customerId });
    expect((await gateway.request(query, { variables: { id: customerId } })).headers.get('x-cache')).toBe('HIT');
    await gateway.setAddresses({ customerId, addresses: [{ line1: 'New' }] });
    expect(await gateway.data(query, { id: customerId })).toEqual({ customer: { addresses: [{ line1: 'New' }] } });
  });

  test('succeeds for one of two concurrent writes with the same expectedVersion, and tells the other the current version', async () => {
    const answers = await Promise.all(
      ['A', 'B'].map((line1) => gateway.setAddresses({ customerId, addresses: [{ line1 }], expectedVersion: 1 })),
    );
    expect(answers.flatMap(({ userErrors }) => userErrors)).toEqual([
      { code: 'CONFLICT', message: 'Expected version 1, found 2.', path: ['input', 'expectedVersion'] },
    ]);
    for (const { customer } of answers) expect(customer).toEqual({ id: customerId, version: 2, name: 'Ada' });
    expect((await read()).addresses.length).toBe(1);
  });

  test('writes each of many concurrent lists as a whole, and the last one stays', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        gateway.setAddresses({
          customerId,
          addresses: Array.from({ length: i + 1 }, (__, position) => ({ line1: `${i}`, line2: `${position}` })),
        }),
      ),
    );
    expect(answers.flatMap(({ userErrors }) => userErrors)).toEqual([]);
    const { version, addresses } = await read();
    expect(version).toBe(11);
    const [{ line1 }] = addresses;
    expect(addresses).toEqual(
      Array.from({ length: Number(line1) + 1 }, (_, position) => ({ ...empty, line1, line2: `${position}` })),
    );
  });

  test('writes once per idempotencyKey', async () => {
    const input = { customerId, addresses: [WORK], idempotencyKey: `addresses ${customerId}` };
    const first = await gateway.setAddresses(input);
    await gateway.setAddresses({ customerId, addresses: [HOME] });
    expect((await gateway.setAddresses(input)).userErrors).toEqual([]);
    expect(first.customer?.version).toBe(2);
    expect(await read()).toMatchObject({ version: 3, addresses: [HOME] });
  });
});
