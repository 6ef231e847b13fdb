import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectNotInSchema } from './schema-refusal.ts';
import { customerOf, idOf, startWritingGateway, type UserError, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;
let id: string;

beforeAll(async () => {
  gateway = await startWritingGateway();
  id = customerOf(await gateway.create({ name: 'Ada', tags: ['one'], addresses: [{ line1: 'A' }] })).id;
});

afterAll(() => gateway.close());

const tags = (count: number): string[] => Array.from({ length: count }, (_, i) => `tag ${i}`);
const at = (more: object) => ({ addresses: [{ line1: 'x' }, { line1: 'x', ...more }] });

/** The input, and for each problem: code, path below `input`, message. */
type Refused = [what: string, input: object, errors: (readonly [code: string, path: string, message: string])[]];

const length = (path: string, most: number, came: string) =>
  ['INVALID_INPUT', path, `Expected 1 to ${most} characters, got ${came}.`] as const;
const lines = (path: string, came: string) =>
  ['INVALID_INPUT', path, `Expected one line without tabs, got "${came}".`] as const;
const noCustomer = (path: string, came: string) =>
  ['NOT_FOUND', path, `Expected the id of a Customer, got "${came}".`] as const;
const notThere = (path: string) => ['NOT_FOUND', path, 'There is no such customer.'] as const;
const stale = (expectedVersion: number) =>
  ['CONFLICT', 'expectedVersion', `Expected version ${expectedVersion}, found 1.`] as const;

const CUSTOMER: Refused[] = [
  ['no id', { customerId: '' }, [noCustomer('customerId', '')]],
  ['text that is not an id', { customerId: 'x' }, [noCustomer('customerId', 'x')]],
  ['the id of an order', { customerId: idOf('Order', 1) }, [noCustomer('customerId', idOf('Order', 1))]],
  ['a customer that does not exist', { customerId: idOf('Customer', 999_999) }, [notThere('customerId')]],
  ['an old version', { expectedVersion: 0 }, [stale(0)]],
  ['a future version', { expectedVersion: 2 }, [stale(2)]],
  ['an empty key', { idempotencyKey: '' }, [length('idempotencyKey', 255, 'none')]],
  ['a key that is too long', { idempotencyKey: 'k'.repeat(256) }, [length('idempotencyKey', 255, '256')]],
];

const TAGS: Refused[] = [
  ['no tags', { tags: [] }, [['INVALID_INPUT', 'tags', 'Expected 1 to 20 tags, got none.']]],
  ['21 tags', { tags: tags(21) }, [['INVALID_INPUT', 'tags', 'Expected at most 20 tags, got 21.']]],
  ['an empty tag', { tags: ['ok', ''] }, [length('tags.1', 50, 'none')]],
  ['a tag of spaces', { tags: [' \n\u00a0'] }, [length('tags.0', 50, 'none')]],
  ['a tag of 51 characters', { tags: ['x'.repeat(51)] }, [length('tags.0', 50, '51')]],
  ['a tag of 51 emoji', { tags: ['😀'.repeat(51)] }, [length('tags.0', 50, '51')]],
  ['an invisible tag', { tags: ['\u200b\u2060'] }, [length('tags.0', 50, 'none that is visible')]],
  ['half an emoji', { tags: ['a\ud83d'] }, [length('tags.0', 50, 'ones that are not text')]],
  ['a tag of two lines', { tags: ['a\u2028b'] }, [lines('tags.0', 'a\\nb')]],
  ['a tag with a tab', { tags: ['a\tb'] }, [lines('tags.0', 'a\\tb')]],
  ['NUL', { tags: ['a\0'] }, [length('tags.0', 50, 'ones that are not text')]],
  [
    'everything wrong at once',
    { customerId: 'x', tags: ['', ...tags(21)], idempotencyKey: ' ' },
    [
      noCustomer('customerId', 'x'),
      length('tags.0', 50, 'none'),
      ['INVALID_INPUT', 'tags', 'Expected at most 20 tags, got 21.'],
      length('idempotencyKey', 255, 'none'),
    ],
  ],
];

const ADDRESSES: Refused[] = [
  [
    '21 addresses',
    { addresses: Array.from({ length: 21 }, () => ({ line1: 'x' })) },
    [['INVALID_INPUT', 'addresses', 'Expected at most 20 addresses, got 21.']],
  ],
  ['an address without a line', at({ line1: ' ' }), [length('addresses.1.line1', 200, 'none')]],
  ['a line of 201 characters', at({ line1: 'x'.repeat(201) }), [length('addresses.1.line1', 200, '201')]],
  ['a line with a line break', at({ line1: 'a\r\nb' }), [lines('addresses.1.line1', 'a\\r\\nb')]],
  ['a city with a tab', at({ city: 'a\tb' }), [lines('addresses.1.city', 'a\\tb')]],
  ['an invisible city', at({ city: '\u00ad' }), [length('addresses.1.city', 100, 'none that is visible')]],
  ...['', 'de', 'DEU', 'D\0'].map((country): Refused => [
    `the country ${JSON.stringify(country)}`,
    at({ country }),
    [
      [
        'INVALID_INPUT',
        'addresses.1.country',
        `Expected the ISO 3166-1 alpha-2 code of a country, such as "DE", got ${JSON.stringify(country)}.`,
      ],
    ],
  ]),
  [
    'everything wrong at once',
    { customerId: 'x', ...at({ label: 'x'.repeat(51), line2: '', region: '', postalCode: 'x'.repeat(21) }) },
    [
      noCustomer('customerId', 'x'),
      length('addresses.1.label', 50, '51'),
      length('addresses.1.line2', 200, 'none'),
      length('addresses.1.region', 100, 'none'),
      length('addresses.1.postalCode', 20, '21'),
    ],
  ],
];

const SAME = ['INVALID_INPUT', 'mergeId', 'Expected a customer other than the one to keep.'] as const;

const MERGE: Refused[] = [
  ['no ids', { keepId: '', mergeId: '' }, [noCustomer('keepId', ''), noCustomer('mergeId', '')]],
  [
    'ids of something else',
    { keepId: idOf('Agent', 1), mergeId: idOf('Ticket', 1) },
    [noCustomer('keepId', idOf('Agent', 1)), noCustomer('mergeId', idOf('Ticket', 1))],
  ],
  ['a kept customer that does not exist', { keepId: idOf('Customer', 999_999) }, [notThere('keepId')]],
  ['a merged customer that does not exist', { mergeId: idOf('Customer', 999_999) }, [notThere('mergeId')]],
  ['the same customer twice', { mergeId: 'keepId' }, [SAME]],
  ['an old version of the kept customer', { expectedVersion: 0 }, [stale(0)]],
  ['a future version of the kept customer', { expectedVersion: 2 }, [stale(2)]],
  [
    'everything wrong at once',
    { keepId: 'x', mergeId: 'y', idempotencyKey: '' },
    [noCustomer('keepId', 'x'), noCustomer('mergeId', 'y'), length('idempotencyKey', 255, 'none')],
  ],
];

/** Expects exactly these problems, and that nothing is written. */
async function expectRefused(
  write: () => Promise<{ readonly userErrors: readonly UserError[]; readonly customer: unknown }>,
  { expected, key }: { expected: Refused[2]; key: string },
): Promise<void> {
  const before = await gateway.everything();
  const { userErrors, customer } = await write();
  expect(userErrors).toEqual(
    expected.map(([code, path, message]) => ({ code, message, path: ['input', ...path.split('.')] })),
  );
  // The current customer, unless it is the customer that could not be found.
  const isUnknown = expected.some(([code, path]) => code === 'NOT_FOUND' && path === key);
  expect(customer).toEqual(isUnknown ? null : { id, version: 1, name: 'Ada' });
  expect(await gateway.everything()).toEqual(before);
}

describe('addTags refuses, and writes nothing,', () => {
  test.each([...CUSTOMER, ...TAGS])('%s', async (_, input, expected) => {
    const write = () => gateway.addTags({ customerId: id, tags: ['new'], ...input });
    await expectRefused(write, { expected, key: 'customerId' });
  });
});

describe('removeTags refuses, and writes nothing,', () => {
  test.each([...CUSTOMER, ...TAGS])('%s', async (_, input, expected) => {
    const write = () => gateway.removeTags({ customerId: id, tags: ['one'], ...input });
    await expectRefused(write, { expected, key: 'customerId' });
  });
});

describe('setAddresses refuses, and writes nothing,', () => {
  test.each([...CUSTOMER, ...ADDRESSES])('%s', async (_, input, expected) => {
    const write = () => gateway.setAddresses({ customerId: id, addresses: [], ...input });
    await expectRefused(write, { expected, key: 'customerId' });
  });
});

describe('mergeCustomers refuses, and writes nothing,', () => {
  test.each(MERGE)('%s', async (_, input, expected) => {
    const given = { keepId: id, mergeId: idOf('Customer', 1), ...input };
    const write = () => gateway.merge({ ...given, mergeId: given.mergeId === 'keepId' ? id : given.mergeId });
    await expectRefused(write, { expected, key: 'keepId' });
  });

  test('the same customer twice because of an earlier merge', async () => {
    const first = customerOf(await gateway.create({ name: 'First' })).id;
    const second = customerOf(await gateway.create({ name: 'Second' })).id;
    await gateway.merge({ keepId: id, mergeId: first });
    await gateway.merge({ keepId: id, mergeId: second });
    const before = await gateway.everything();
    for (const [keepId, mergeId] of [
      [id, first],
      [first, id],
      [first, second],
    ]) {
      const { customer, userErrors } = await gateway.merge({ keepId, mergeId });
      expect(userErrors).toEqual([{ code: SAME[0], message: SAME[2], path: ['input', 'mergeId'] }]);
      expect(customer).toEqual({ id, version: 3, name: 'Ada' });
    }
    expect(await gateway.everything()).toEqual(before);
  });
});

test.each([
  ['a tag that is null', 'addTags', { customerId: 'x', tags: [null] }],
  ['no tags at all', 'removeTags', { customerId: 'x' }],
  ['an address that is null', 'setAddresses', { customerId: 'x', addresses: [null] }],
  ['an address without line1', 'setAddresses', { customerId: 'x', addresses: [{}] }],
  ['null for addresses', 'setAddresses', { customerId: 'x', addresses: null }],
  ['no customer to merge', 'mergeCustomers', { keepId: 'x' }],
  ['a version that is a string', 'mergeCustomers', { keepId: 'x', mergeId: 'y', expectedVersion: '1' }],
])('what the schema does not allow (%s) is an error of the request', async (_, name, input) => {
  await expectNotInSchema(gateway, name, input);
});
