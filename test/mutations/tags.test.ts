import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { aMoment, customerOf, rowOf, startWritingGateway, type Row, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;
let customerId: string;

beforeAll(async () => {
  gateway = await startWritingGateway();
});

afterAll(() => gateway.close());

beforeEach(async () => {
  customerId = customerOf(await gateway.create({ name: 'Ada', tags: ['été', 'VIP'] })).id;
});

const tagged = (count: number, start = 0): string[] => Array.from({ length: count }, (_, i) => `tag ${start + i}`);

const ofCustomer = (rows: readonly Row[] | undefined): Row[] =>
  (rows ?? []).filter((row) => row['customer_id'] === BigInt(rowOf(customerId)));

/** The differences from before, all of which must belong to the customer: tags, version and entries in the record of changes. */
async function written(write: () => Promise<unknown>) {
  const before = await gateway.everything();
  // The tags' duplicated columns differ from the previous ones only after some time has passed.
  await aMoment();
  await write();
  const after = await gateway.everything();
  const rest = { customers: [], customer_tags: [], customer_changes: [] };
  expect({ ...after, ...rest }).toEqual({ ...before, ...rest });
  for (const [table, key] of [
    ['customers', 'id'],
    ['customer_tags', 'customer_id'],
    ['customer_changes', 'customer_id'],
  ] as const) {
    const others = (rows: readonly Row[] | undefined) => rows?.filter((row) => row[key] !== BigInt(rowOf(customerId)));
    expect(others(after[table])).toEqual(others(before[table]));
  }
  const [was, is] = [before, after].map(({ customers }) =>
    customers?.find(({ id }) => id === BigInt(rowOf(customerId))),
  );
  expect({ ...is, version: was?.['version'], updated_at: was?.['updated_at'] }).toEqual(was);
  const changes = ofCustomer(after['customer_changes']).slice(ofCustomer(before['customer_changes']).length);
  for (const { name, created_at: createdAt, updated_at: updatedAt } of ofCustomer(after['customer_tags']))
    expect([name, createdAt, updatedAt]).toEqual([is?.['name'], is?.['created_at'], is?.['updated_at']]);
  return {
    version: is?.['version'],
    tags: ofCustomer(after['customer_tags']).map(({ tag }) => tag),
    changes: changes.map(({ version, action, changes: fields, subject_id: subject }) => ({
      ...{ version, action, subject },
      fields: JSON.parse(String(fields)),
    })),
  };
}

const change = (before: string | null, after: string | null) => ({
  ...{ version: 2, action: 'UPDATED', subject: null },
  fields: [{ field: 'tags', before, after }],
});

describe('addTags', () => {
  test('adds tags that are new, raises the version, and adds an entry to the record of changes', async () => {
    const result = await written(async () => {
      const answer = await gateway.addTags({ customerId, tags: [' new ', 'vip', 'ÉTÉ', 'New', 'Straße', 'STRAßE'] });
      expect(answer).toEqual({ customer: { id: customerId, version: 2, name: 'Ada' }, userErrors: [] });
    });
    expect(result).toEqual({
      version: 2,
      tags: ['été', 'new', 'Straße', 'VIP'],
      changes: [change('été, VIP', 'été, new, Straße, VIP')],
    });
  });

  test('makes entries in the record of changes that differ if the tags do', async () => {
    const result = await written(async () => {
      await gateway.addTags({ customerId, tags: ['a, b', '"c"'] });
      await gateway.removeTags({ customerId, tags: ['a, b', '"c"'] });
      await gateway.addTags({ customerId, tags: ['a', 'b', 'c'] });
    });
    expect(new Set(result.changes.map((entry) => JSON.stringify(entry))).size).toBe(3);
    expect(JSON.stringify(result.changes)).toContain(JSON.stringify('"\\"c\\"", "a, b", été, VIP'));
  });

  test('writes nothing if the customer already has all of them, by the rules of the database', async () => {
    const before = await gateway.everything();
    for (const tags of [['vip'], ['ETE', 'Vip'], [' VIP '], ['VIP', 'ėtė']])
      expect(await gateway.addTags({ customerId, tags, expectedVersion: 1 })).toEqual({
        customer: { id: customerId, version: 1, name: 'Ada' },
        userErrors: [],
      });
    expect(await gateway.everything()).toEqual(before);
  });

  test('fills up to 20 tags and refuses more, saying how many there would be', async () => {
    expect((await gateway.addTags({ customerId, tags: tagged(17) })).userErrors).toEqual([]);
    const before = await gateway.everything();
    expect(await gateway.addTags({ customerId, tags: ['vip', 'a', 'b', 'c', 'd'] })).toEqual({
      customer: { id: customerId, version: 2, name: 'Ada' },
      userErrors: [
        {
          code: 'INVALID_INPUT',
          message: 'Expected at most 20 tags on a customer, got 23 in all.',
          path: ['input', 'tags'],
        },
      ],
    });
    expect(await gateway.everything()).toEqual(before);
    expect((await gateway.addTags({ customerId, tags: ['last', 'VIP'] })).userErrors).toEqual([]);
  });

  test('leaves a customer that already has too many tags as it is, and some of them can be removed', async () => {
    const row = rowOf(customerId);
    for (const tag of tagged(22))
      await gateway.sql(
        'INSERT INTO customer_tags SELECT id, ?, created_at, updated_at, name, owner_id FROM customers WHERE id = ?',
        [tag, row],
      );
    const before = await gateway.everything();
    expect((await gateway.addTags({ customerId, tags: ['one more'] })).userErrors).toMatchObject([
      { code: 'INVALID_INPUT', message: 'Expected at most 20 tags on a customer, got 25 in all.' },
    ]);
    expect((await gateway.addTags({ customerId, tags: ['vip'] })).userErrors).toEqual([]);
    expect(await gateway.everything()).toEqual(before);
    expect((await gateway.removeTags({ customerId, tags: ['vip'] })).userErrors).toEqual([]);
  });
});

describe('removeTags', () => {
  test('removes tags that the customer has, raises the version, and adds an entry to the record of changes', async () => {
    const result = await written(async () => {
      const answer = await gateway.removeTags({ customerId, tags: ['ETE', 'nowhere'] });
      expect(answer).toEqual({ customer: { id: customerId, version: 2, name: 'Ada' }, userErrors: [] });
    });
    expect(result).toEqual({ version: 2, tags: ['VIP'], changes: [change('été, VIP', 'VIP')] });
  });

  test('can remove the last tag', async () => {
    const result = await written(() => gateway.removeTags({ customerId, tags: ['vip', 'été'] }));
    expect(result).toEqual({ version: 2, tags: [], changes: [change('été, VIP', null)] });
  });

  test('removes a tag that another program stored and no filter finds, which addTags would refuse', async () => {
    await gateway.sql(
      'INSERT INTO customer_tags SELECT id, ?, created_at, updated_at, name, owner_id FROM customers WHERE id = ?',
      ['\u0301', rowOf(customerId)],
    );
    expect((await gateway.addTags({ customerId, tags: ['\u0301'] })).userErrors).toMatchObject([
      { code: 'INVALID_INPUT', path: ['input', 'tags', '0'] },
    ]);
    const result = await written(() => gateway.removeTags({ customerId, tags: ['\u0301'] }));
    expect(result.tags).toEqual(['été', 'VIP']);
  });

  test('writes nothing if the customer has none of them', async () => {
    const before = await gateway.everything();
    expect(await gateway.removeTags({ customerId, tags: ['VIPs', 'x'] })).toEqual({
      customer: { id: customerId, version: 1, name: 'Ada' },
      userErrors: [],
    });
    expect(await gateway.everything()).toEqual(before);
  });
});

describe('addTags and removeTags', () => {
  test('show at once in results that were cached before, including lists by tag', async () => {
    const query = `query($id: ID!) { customer(by: { id: $id }) { tags version }
      customers(filter: { tag: "lately" }) { nodes { id } } }`;
    const seen = async (tags: string[], version: number, listed: object[]) => {
      expect(await gateway.data(query, { id: customerId })).toEqual({
        customer: { tags, version },
        customers: { nodes: listed },
      });
      expect((await gateway.request(query, { variables: { id: customerId } })).headers.get('x-cache')).toBe('HIT');
    };
    await seen(['été', 'VIP'], 1, []);
    await gateway.addTags({ customerId, tags: ['Lately'] });
    await seen(['été', 'Lately', 'VIP'], 2, [{ id: customerId }]);
    await gateway.removeTags({ customerId, tags: ['Lately'] });
    await seen(['été', 'VIP'], 3, []);
  });

  test.each([
    ['ガ', 'か'],
    ['é', 'e'],
    ['Straße', 'STRASSE'],
    ['ﾀｸﾞ', 'タク'],
  ])('refuse %s and %s in one input, naming both, since the database considers them equal', async (one, other) => {
    const answer = await gateway.addTags({ customerId, tags: ['first', one, other] });
    const message = `Expected tags that differ, got ${JSON.stringify(one)} and ${JSON.stringify(other)}, which count as the same.`;
    expect(answer.userErrors).toEqual([{ code: 'INVALID_INPUT', path: ['input', 'tags'], message }]);
    const created = await gateway.create({ name: 'New', tags: [one, other] });
    expect([created.customer, created.userErrors.map((error) => error.message)]).toEqual([null, [message]]);
    const { customer } = await gateway.data('query($id: ID!) { customer(by: { id: $id }) { tags version } }', {
      id: customerId,
    });
    expect(customer).toEqual({ tags: ['été', 'VIP'], version: 1 });
  });

  test.each([
    ['ガ', 'か'],
    ['Straße', 'STRASSE'],
  ])(
    'treat %s as the stored tag %s: the stored spelling stays and is shown, and either spelling removes it',
    async (stored, given) => {
      const tagsAfter = async (mutation: string, tags: string[]) => {
        const query = `mutation($input: ${mutation[0]?.toUpperCase()}${mutation.slice(1)}Input!) {
        ${mutation}(input: $input) { customer { tags version } userErrors { code } } }`;
        return (await gateway.data(query, { input: { customerId, tags } }))[mutation];
      };
      const shown = (tags: string[], version: number) => ({ customer: { tags, version }, userErrors: [] });
      const { customer } = await tagsAfter('addTags', [stored]);
      expect(customer.tags).toContain(stored);
      expect(await tagsAfter('addTags', [given])).toEqual(shown(customer.tags, 2));
      expect(await tagsAfter('removeTags', [given])).toEqual(shown(['été', 'VIP'], 3));
    },
  );

  test('keep tags that differ only in case apart if the database does, as for Georgian capitals, which it does not know', async () => {
    const tags = ['ნინო', '\u1c9c\u1c98\u1c9c\u1c9d'];
    expect((await gateway.addTags({ customerId, tags })).userErrors).toEqual([]);
    const query = 'query($id: ID!) { customer(by: { id: $id }) { tags } }';
    const { customer } = await gateway.data(query, { id: customerId });
    expect(new Set(customer.tags)).toEqual(new Set(['été', 'VIP', ...tags]));
  });

  test('succeed for one of two concurrent writes with the same expectedVersion, and tell the other the current version', async () => {
    const answers = await Promise.all([
      gateway.addTags({ customerId, tags: ['a'], expectedVersion: 1 }),
      gateway.removeTags({ customerId, tags: ['vip'], expectedVersion: 1 }),
    ]);
    const conflict = {
      code: 'CONFLICT',
      message: 'Expected version 1, found 2.',
      path: ['input', 'expectedVersion'],
    };
    expect(answers.flatMap(({ userErrors }) => userErrors)).toEqual([conflict]);
    for (const { customer } of answers) expect(customer).toEqual({ id: customerId, version: 2, name: 'Ada' });
  });

  test('lose no write of many concurrent ones, and each that changed something has its own version', async () => {
    const answers = await Promise.all([
      ...tagged(12).map((tag) => gateway.addTags({ customerId, tags: [tag] })),
      ...['VIP', 'vip', 'été', 'ETE'].map((tag) => gateway.removeTags({ customerId, tags: [tag] })),
    ]);
    expect(answers.flatMap(({ userErrors }) => userErrors)).toEqual([]);
    const { customer } = await gateway.data(
      'query($id: ID!) { customer(by: { id: $id }) { tags version changes(first: 50) { nodes { version } } } }',
      { id: customerId },
    );
    expect(customer.tags.toSorted()).toEqual(tagged(12).toSorted());
    expect(customer.version).toBe(15);
    expect(new Set(customer.changes.nodes.map(({ version }: { version: number }) => version)).size).toBe(15);
  });

  test('write once per idempotencyKey, which belongs to only one of the two mutations', async () => {
    const input = { customerId, tags: ['keyed'], idempotencyKey: `tags ${customerId}` };
    const first = await gateway.addTags(input);
    expect(await gateway.addTags(input)).toEqual(first);
    expect(first.customer?.version).toBe(2);
    expect((await gateway.removeTags(input)).userErrors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }]);
  });
});
