import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectNotInSchema } from './schema-refusal.ts';
import { customerOf, idOf, startWritingGateway, type UserError, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;
let id: string;

beforeAll(async () => {
  gateway = await startWritingGateway();
  const input = { name: 'Taken', email: 'taken@example.com', externalId: 'taken' };
  await gateway.create(input);
  await gateway.create({ name: 'Like an index', externalId: 'taken_key' });
  id = customerOf(await gateway.create({ name: 'Other', email: 'other@example.com', externalId: 'other' })).id;
});

afterAll(() => gateway.close());

const told = (errors: readonly UserError[]) => errors.map(({ code, path }) => `${code} ${path.slice(1).join('.')}`);
const address = (more: object) => ({ addresses: [{ line1: 'Main Street 1' }, { line1: 'x', ...more }] });
const tags = (count: number): string[] => Array.from({ length: count }, (_, i) => `tag ${i}`);
const local = (length: number) => `${'a'.repeat(length - '@example.com'.length)}@example.com`;

/** Zero-width and other invisible characters, by name. */
const INVISIBLE = {
  'zero-width spaces': '\u200b\u200b',
  'zero-width joiners and non-joiners': '\u200d\u200c',
  'word joiners': '\u2060\u2063',
  'byte order marks between spaces': ' \ufeff \ufeff ',
  'soft hyphens': '\u00ad',
  'marks of direction': '\u200e\u200f\u202e\u2066\u061c',
  'variation selectors': '\ufe0f\u{e0100}',
  'Hangul fillers': '\u3164\u115f\uffa0',
  'tag characters': '\u{e0041}\u{e007f}',
  controls: '\u0001\u001b\u0085\u007f',
  'spaces within zero-width ones': '\u200b \u3000 \u200b',
} as const;

/** Line breaks and tabs, by name. */
const BREAKS = {
  LF: '\n',
  CR: '\r',
  VT: '\v',
  FF: '\f',
  NEL: '\u0085',
  LS: '\u2028',
  PS: '\u2029',
  TAB: '\t',
} as const;

// Accepted by both createCustomer and updateCustomer: [what, input, errors].
const FIELDS: [string, object, string[]][] = [
  ['an empty name', { name: '' }, ['INVALID_INPUT name']],
  ['a name of spaces', { name: ' \t\n\u00a0 ' }, ['INVALID_INPUT name']],
  ['a name of 201 characters', { name: 'x'.repeat(201) }, ['INVALID_INPUT name']],
  ['a name of 201 emoji', { name: '😀'.repeat(201) }, ['INVALID_INPUT name']],
  ...Object.entries(INVISIBLE).map(([what, name]): [string, object, string[]] => [
    `a name of ${what} alone`,
    { name },
    ['INVALID_INPUT name'],
  ]),
  [
    'an invisible external id and company',
    { externalId: '\u200b', company: '\u2060' },
    ['INVALID_INPUT externalId', 'INVALID_INPUT company'],
  ],
  ...Object.entries(BREAKS).map(([what, one]): [string, object, string[]] => [
    `${what} in an external id, a name and a company`,
    { externalId: `a${one}b`, name: `a${one}b`, company: `a${one}b` },
    ['INVALID_INPUT externalId', 'INVALID_INPUT company', 'INVALID_INPUT name'],
  ]),
  ['a name with NUL', { name: 'a\0b' }, ['INVALID_INPUT name']],
  ['a name with a bell', { name: 'a\u0007b' }, ['INVALID_INPUT name']],
  ['a name with a noncharacter', { name: 'a\uffffb' }, ['INVALID_INPUT name']],
  ['a name with half an emoji', { name: 'a\ud83d' }, ['INVALID_INPUT name']],
  ['an external id of 65 characters', { externalId: 'x'.repeat(65) }, ['INVALID_INPUT externalId']],
  ['an empty external id', { externalId: ' ' }, ['INVALID_INPUT externalId']],
  ['a company of 201 characters', { company: 'x'.repeat(201) }, ['INVALID_INPUT company']],
  ['an empty company', { company: '' }, ['INVALID_INPUT company']],
  ...[
    '',
    'x',
    '@example.com',
    'a@',
    'a b@example.com',
    'a@b@example.com',
    'a@-example.com',
    'ü@example.com',
    'a@exa\0mple.com',
    // In lower case or normal form, these would be somebody else's.
    'ta\u212aen@example.com',
    'Ta\u212aen@EXAMPLE.com',
    '\u0131@example.com',
    '\u0130@example.com',
    '\u017f@example.com',
    'ta\uff4ben@example.com',
    'taken@example.com\u200b',
  ].map((email): [string, object, string[]] => [
    `the email ${JSON.stringify(email)}`,
    { email },
    ['INVALID_EMAIL email'],
  ]),
  ['an email of 255 characters', { email: local(255) }, ['INVALID_EMAIL email']],
  ['an email with half an emoji', { email: 'a\ud83d@example.com' }, ['INVALID_EMAIL email']],
  ...[
    { number: '' },
    { number: '030 123456' },
    { number: 'call +49 30 123456' },
    { number: '+49 30 123456 ext. 7' },
    // Possible according to the library, but E.164 ends at 15 digits.
    { number: '+49891234567890123' },
    { number: '+999 123456789' },
    // The length is valid in the country, but no such number is assigned.
    { number: '+1 000 000 0000' },
    { number: '+49 30 12' },
    { number: '000 000 0000', country: 'US' },
    { number: '123', country: 'DE' },
    { number: `+49${'1'.repeat(60)}` },
    { number: '+49\ud83d30 123456' },
  ].map((phone): [string, object, string[]] => [
    `the phone ${JSON.stringify(phone).slice(0, 60)}`,
    { phone },
    ['INVALID_PHONE phone.number'],
  ]),
  [
    'a phone with an unknown country',
    { phone: { number: '030 123456', country: 'XX' } },
    ['INVALID_PHONE phone.country'],
  ],
  ...['', 'x', '42', idOf('Customer', 1), idOf('Agent', 0), idOf('Agent', 2n ** 63n), idOf('Agent', 999_999)].map(
    (ownerId): [string, object, string[]] => [`the owner "${ownerId}"`, { ownerId }, ['NOT_FOUND ownerId']],
  ),
  ['an email that another has', { email: 'taken@example.com' }, ['ALREADY_EXISTS email']],
  ['an email that another has in different case', { email: 'TAKEN@Example.com ' }, ['ALREADY_EXISTS email']],
  ['an external id that another has', { externalId: 'taken' }, ['ALREADY_EXISTS externalId']],
  [
    'an external id that another has, which looks like the name of an index',
    { externalId: 'taken_key' },
    ['ALREADY_EXISTS externalId'],
  ],
];

const ONLY_NEW: [string, object, string[]][] = [
  ['21 tags', { tags: tags(21) }, ['INVALID_INPUT tags']],
  [
    '5,000 empty tags, reporting the first hundred',
    { tags: Array.from({ length: 5_000 }, () => '') },
    Array.from({ length: 100 }, (_, i) => `INVALID_INPUT tags.${i}`),
  ],
  ['a tag of 51 characters', { tags: ['ok', 'x'.repeat(51)] }, ['INVALID_INPUT tags.1']],
  [
    'empty tags and one that is not text',
    { tags: [' ', '\ud83d', '\0'] },
    ['INVALID_INPUT tags.0', 'INVALID_INPUT tags.1', 'INVALID_INPUT tags.2'],
  ],
  [
    'invisible tags',
    { tags: Object.values(INVISIBLE) },
    Object.keys(INVISIBLE).map((_, i) => `INVALID_INPUT tags.${i}`),
  ],
  [
    'an invisible address',
    address({ line1: '\u200b', city: '\u00ad' }),
    ['INVALID_INPUT addresses.1.line1', 'INVALID_INPUT addresses.1.city'],
  ],
  ['21 addresses', { addresses: Array.from({ length: 21 }, () => ({ line1: 'x' })) }, ['INVALID_INPUT addresses']],
  ['an address without a line', address({ line1: ' ' }), ['INVALID_INPUT addresses.1.line1']],
  ['a label of 51 characters', address({ label: 'x'.repeat(51) }), ['INVALID_INPUT addresses.1.label']],
  [
    'lines of 201 characters',
    address({ line1: 'x'.repeat(201), line2: 'x'.repeat(201) }),
    ['INVALID_INPUT addresses.1.line1', 'INVALID_INPUT addresses.1.line2'],
  ],
  [
    'a city and a region of 101',
    address({ city: 'x'.repeat(101), region: 'x'.repeat(101) }),
    ['INVALID_INPUT addresses.1.city', 'INVALID_INPUT addresses.1.region'],
  ],
  ['a postal code of 21 characters', address({ postalCode: 'x'.repeat(21) }), ['INVALID_INPUT addresses.1.postalCode']],
  ...['', 'de', 'DEU', 'Germany', 'D\0', 'XX', 'ZZ', 'UK', 'EU', 'SU'].map((country): [string, object, string[]] => [
    `the country ${JSON.stringify(country)}`,
    address({ country }),
    ['INVALID_INPUT addresses.1.country'],
  ]),
  [
    'everything wrong at once',
    {
      name: '',
      externalId: '',
      email: 'x',
      phone: { number: 'x' },
      company: '',
      ownerId: 'x',
      tags: [''],
      ...address({ country: 'x', city: '' }),
    },
    [
      ...['INVALID_INPUT externalId', 'INVALID_INPUT company', 'INVALID_INPUT name', 'INVALID_EMAIL email'],
      ...['INVALID_PHONE phone.number', 'NOT_FOUND ownerId', 'INVALID_INPUT tags.0'],
      ...['INVALID_INPUT addresses.1.country', 'INVALID_INPUT addresses.1.city'],
    ],
  ],
];

const ONLY_CHANGE: [string, object, string[]][] = [
  ['no name', { name: null }, ['INVALID_INPUT name']],
  ['no status', { status: null }, ['INVALID_INPUT status']],
  ['text that is not an id', { id: 'x' }, ['NOT_FOUND id']],
  ['an empty id', { id: '' }, ['NOT_FOUND id']],
  ['the id of an agent', { id: idOf('Agent', 1) }, ['NOT_FOUND id']],
  ['a customer that does not exist', { id: idOf('Customer', 999_999), name: 'x' }, ['NOT_FOUND id']],
  [
    'everything wrong at once',
    { name: null, status: null, email: 'x', phone: { number: 'x' }, company: '', ownerId: 'x' },
    [
      ...['INVALID_INPUT company', 'INVALID_INPUT name', 'INVALID_EMAIL email', 'INVALID_PHONE phone.number'],
      ...['INVALID_INPUT status', 'NOT_FOUND ownerId'],
    ],
  ],
];

async function expectRefused(write: () => Promise<{ userErrors: readonly UserError[] }>, expected: string[]) {
  const before = await gateway.everything();
  const { userErrors } = await write();
  expect(told(userErrors)).toEqual(expected);
  for (const { message, path } of userErrors) {
    expect(message).toMatch(/^(Expected|There is no|A customer has) .{5,150}\.$/);
    expect(path[0]).toBe('input');
  }
  expect(await gateway.everything()).toEqual(before);
}

describe('createCustomer refuses, and writes nothing,', () => {
  test.each([...FIELDS, ...ONLY_NEW])('%s', async (_, input, expected) => {
    await expectRefused(async () => {
      const answer = await gateway.create({ name: 'New', ...input });
      expect(answer.customer).toBeNull();
      return answer;
    }, expected);
  });
});

describe('updateCustomer refuses, and writes nothing,', () => {
  test.each([...FIELDS, ...ONLY_CHANGE])('%s', async (_, input, expected) => {
    await expectRefused(async () => {
      const answer = await gateway.update({ id, ...input });
      const isKnown = !expected.includes('NOT_FOUND id');
      expect(answer.customer).toEqual(isKnown ? { id, version: 1, name: 'Other' } : null);
      return answer;
    }, expected);
  });
});

test.each(['\u0301', '\u0600', '\u064e\u0651', '\u0902'])(
  'a name, a company or a tag of nothing but %j is refused, since no search could find it',
  async (text) => {
    const before = await gateway.everything();
    const { customer, userErrors } = await gateway.create({ name: text, company: text, tags: ['ok', text] });
    expect(customer).toBeNull();
    const missing = (most: number) => `Expected 1 to ${most} characters, got none that counts when names are compared.`;
    const found = userErrors.map(({ code, path, message }) => `${code} ${path.slice(1).join('.')}: ${message}`);
    expect(found.toSorted()).toEqual([
      `INVALID_INPUT company: ${missing(200)}`,
      `INVALID_INPUT name: ${missing(200)}`,
      `INVALID_INPUT tags.1: ${missing(50)}`,
    ]);
    expect(await gateway.everything()).toEqual(before);
  },
);

test.each(['+49 30 123456 ext. 7', '+49 30 123456;ext=5', '+49 30 123456 Durchwahl 12', '+49 30 123456 доб. 5'])(
  'the phone %j is refused for its extension, and the message says so',
  async (number) => {
    const message = `Expected a telephone number without an extension, got ${JSON.stringify(number)}.`;
    const { userErrors } = await gateway.create({ name: 'x', phone: { number } });
    expect(userErrors).toEqual([{ code: 'INVALID_PHONE', path: ['input', 'phone', 'number'], message }]);
  },
);

test('each text is accepted up to its maximum length, with emoji too', async () => {
  const wide = (length: number) => '😀'.repeat(length);
  const longest = {
    label: wide(50),
    line1: wide(200),
    line2: wide(200),
    city: wide(100),
    region: wide(100),
    postalCode: wide(20),
  };
  const input = {
    ...{ name: wide(200), externalId: wide(64), email: local(254), company: wide(200) },
    ...{ tags: Array.from({ length: 20 }, (_, i) => String.fromCodePoint(0x1f600 + i).repeat(50)) },
    addresses: Array.from({ length: 20 }, () => ({ ...longest, country: 'DE' })),
  };
  const customer = customerOf(await gateway.create(input));
  const data = await gateway.data(
    `query($id: ID!) { customer(by: { id: $id }) { name externalId email company tags
       addresses { label line1 line2 city region postalCode country } } }`,
    { id: customer.id },
  );
  expect({ ...data.customer, tags: new Set(data.customer.tags) }).toEqual({ ...input, tags: new Set(input.tags) });
});

test.each([
  ['an emoji made of several', '👩\u200d👩\u200d👧\u200d👦'],
  ['an emoji with a variation selector', '❤\ufe0f'],
  ['a flag made of tag characters', '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}'],
  ['a Persian name with a non-joiner', 'مهدی\u200cزاده'],
  ['a Hindi name with a joiner', 'क्\u200dष'],
  ['one letter', 'x'],
])('%s is stored as it is, with every invisible character', async (_, text) => {
  const { id: created } = customerOf(await gateway.create({ name: text, company: text, tags: [text] }));
  const { customer } = await gateway.data('query($id: ID!) { customer(by: { id: $id }) { name company tags } }', {
    id: created,
  });
  expect(customer).toEqual({ name: text, company: text, tags: [text] });
});

test.each([
  ['a zero-width space at either end', '\u200bAda\u200b', 'Ada'],
  ['a soft hyphen in a word', 'Do\u00adnau', 'Donau'],
  ['a direction override', 'Ada\u202e ecalevoL', 'Ada ecalevoL'],
  ['a letter and a separate accent', 'Ame\u0301lie', 'Amélie'],
])('%s is stored in normalised form, and found in either form', async (_, text, kept) => {
  const given = { name: text, externalId: text, company: text, tags: [text], addresses: [{ line1: text, city: text }] };
  const { id: created } = customerOf(await gateway.create(given));
  for (const externalId of [text, kept]) {
    const { customer, customers } = await gateway.data(
      `query($key: String!, $start: String!) {
         customer(by: { externalId: $key }) { id name externalId company tags addresses { line1 city } }
         customers(filter: { nameStartsWith: $start, tag: $start }) { nodes { id } } }`,
      { key: externalId, start: externalId },
    );
    const own = { name: kept, externalId: kept, company: kept, tags: [kept], addresses: [{ line1: kept, city: kept }] };
    expect(customer).toEqual({ id: created, ...own });
    expect(customers.nodes).toEqual([{ id: created }]);
  }
});

test.each([
  ['an unknown field', 'createCustomer', { name: 'x', nope: 1 }],
  ['a name that is a number', 'createCustomer', { name: 1 }],
  ['no name', 'createCustomer', {}],
  ['an unknown status', 'createCustomer', { name: 'x', status: 'BEST' }],
  ['a tag that is null', 'createCustomer', { name: 'x', tags: [null] }],
  ['a country in small letters', 'createCustomer', { name: 'x', phone: { number: '030 1', country: 'de' } }],
  ['no id', 'updateCustomer', { name: 'x' }],
  ['a version that is a string', 'updateCustomer', { id: 'x', expectedVersion: '1' }],
  ['a version past 32 bits', 'updateCustomer', { id: 'x', expectedVersion: 2 ** 31 }],
  ['an invalid time', 'logInteraction', { customerId: 'x', kind: 'CALL', body: 'x', occurredAt: 'yesterday' }],
])('what the schema does not allow (%s) is an error of the request', async (_, name, input) => {
  await expectNotInSchema(gateway, name, input);
});
