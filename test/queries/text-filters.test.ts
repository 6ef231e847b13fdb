import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';

interface Person {
  readonly name: string;
  readonly email?: string;
  readonly phone?: string;
  readonly tags?: readonly string[];
}

const PEOPLE: readonly Person[] = [
  { name: '100% Wool', tags: ['50% off'] },
  { name: '100 Wolves', tags: ['50 x off'] },
  { name: 'a_b', tags: ['a_b'] },
  { name: 'axb', tags: ['axb'] },
  { name: 'back\\slash' },
  { name: 'backslash' },
  { name: 'pipe|line' },
  { name: 'pipeline' },
  { name: "O'Neil", email: "o'neil@example.com" },
  { name: '"Quoted"' },
  { name: 'Müller', email: 'mueller@example.com', phone: '+4930123456', tags: ['Stammkunde'] },
  { name: 'MULLER', email: 'muller@example.org', phone: '+4930123456' },
  { name: 'Zoë', email: 'zoe_1@example.com', phone: '+49301234567', tags: ['fidélité'] },
  { name: 'zoe', email: 'zoex1@example.com', tags: ['VIP', 'FIDELITE'] },
  { name: '张伟', tags: ['重要'] },
  { name: '张伟明' },
  { name: 'ミュラー', tags: ['お得意様'] },
  { name: 'みゆき' },
  { name: 'محمد علي', tags: ['عميل مميز'] },
  { name: 'Иванова' },
  { name: '🎁 Gifts', tags: ['🎁 birthday'] },
  { name: '🚀 Rockets', tags: ['🚀'] },
  { name: ' leading', phone: '+12025550123' },
  { name: 'Weiß' },
  { name: 'Weiss AG' },
  { name: 'Ægir' },
  { name: 'שָׁלוֹם' },
  { name: 'Li\tNa' },
  { name: 'Linda' },
];

describe('customers by text', () => {
  let database: TestDatabase;
  let gateway: TestGateway;
  beforeAll(async () => {
    database = await createDatabase();
    await withConnection(database.url, async (sql) => {
      await sql.query("INSERT INTO agents (name, updated_at) VALUES ('Agent', NOW(3))");
      await sql.batch(
        'INSERT INTO customers (id, name, email, phone, created_at, updated_at) VALUES (?, ?, ?, ?, NOW(3), NOW(3))',
        PEOPLE.map(({ name, email = null, phone = null }, i) => [i + 1, name, email, phone]),
      );
      for (const [i, { tags = [] }] of PEOPLE.entries())
        for (const tag of tags)
          await sql.query(
            `INSERT INTO customer_tags (customer_id, tag, name, created_at, updated_at)
             SELECT id, ?, name, created_at, updated_at FROM customers WHERE id = ?`,
            [tag, i + 1],
          );
    });
    gateway = await startGateway({ databaseUrl: database.url, settings: PATIENT });
  });
  afterAll(async () => {
    await gateway.close();
    await database.drop();
  });

  async function namesWith(filter: Record<string, unknown>, orderBy?: Record<string, unknown>): Promise<string[]> {
    const query =
      'query Q($f: CustomerFilter, $o: CustomerOrder) { customers(first: 100, filter: $f, orderBy: $o) { nodes { name } totalCount } }';
    const { customers } = await gateway.data(query, { f: filter, o: orderBy });
    expect(customers.totalCount).toBe(customers.nodes.length);
    return customers.nodes.map((node: { name: string }) => node.name).toSorted();
  }

  const refused = async (query: string, variables: Record<string, unknown>) =>
    (await gateway.request(query, { variables })).errors.map((error) => [error.extensions.code, error.message]);

  describe('nameStartsWith', () => {
    test.each<[string, string[]]>([
      ['100%', ['100% Wool']],
      ['100', ['100 Wolves', '100% Wool']],
      ['%', []],
      ['_', []],
      ['a_', ['a_b']],
      ['a', ['a_b', 'axb', 'Ægir']],
      ['back\\', ['back\\slash']],
      ['back', ['back\\slash', 'backslash']],
      ['pipe|', ['pipe|line']],
      ['pipe', ['pipe|line', 'pipeline']],
      ["O'", ["O'Neil"]],
      ["o'n", ["O'Neil"]],
      ["' OR 1=1 --", []],
      ['"', ['"Quoted"']],
      ['mull', ['MULLER', 'Müller']],
      ['MÜLL', ['MULLER', 'Müller']],
      ['ZOÉ', ['Zoë', 'zoe']],
      ['张伟', ['张伟', '张伟明']],
      ['张伟明', ['张伟明']],
      ['张', ['张伟', '张伟明']],
      // The collation does not distinguish Japanese scripts or small letters.
      ['ミュ', ['みゆき', 'ミュラー']],
      ['ミュラ', ['ミュラー']],
      ['み', ['みゆき', 'ミュラー']],
      ['محمد', ['محمد علي']],
      ['ИВАН', ['Иванова']],
      ['🎁', ['🎁 Gifts']],
      // Equal in the collation: ligatures, sharp s, marks, width, composition.
      ['WEISS', ['Weiß', 'Weiss AG']],
      ['weiß', ['Weiß', 'Weiss AG']],
      ['Aegir', ['Ægir']],
      ['مُحَمَّد', ['محمد علي']],
      ['שלום', ['שָׁלוֹם']],
      ['ﾐｭﾗ', ['ミュラー']],
      ['ＭＵＬＬ', ['MULLER', 'Müller']],
      ['mu\u0308l', ['MULLER', 'Müller']],
      ['Li', ['Li\tNa', 'Linda']],
      ['  zoe', ['Zoë', 'zoe']],
      // In ordering as in equality, the collation pads texts with infinitely many spaces.
      ['zoe ', ['Zoë', 'zoe']],
      ['Müller ', ['MULLER', 'Müller']],
      ['nobody', []],
    ])('%j finds %j, in every order', async (nameStartsWith, expected) => {
      for (const field of ['NAME', 'CREATED_AT', 'UPDATED_AT'])
        expect(await namesWith({ nameStartsWith }, { field })).toEqual(expected.toSorted());
    });

    test('finds the same with a literal as with a variable', async () => {
      const { a, b } = await gateway.data(
        '{ a: customers(filter: { nameStartsWith: "back\\\\" }) { totalCount } b: customers(filter: { nameStartsWith: "100%" }) { totalCount } }',
      );
      expect([a.totalCount, b.totalCount]).toEqual([1, 1]);
    });
  });

  test.each<[string, string[]]>([
    ['vip', ['zoe']],
    ['fidelite', ['Zoë', 'zoe']],
    ['FIDÉLITÉ', ['Zoë', 'zoe']],
    ['stammkunde', ['Müller']],
    ['Stamm', []],
    ['50% off', ['100% Wool']],
    ['50%', []],
    ['a_b', ['a_b']],
    ['重要', ['张伟']],
    ['お得意様', ['ミュラー']],
    ['عميل مميز', ['محمد علي']],
    ['🚀', ['🚀 Rockets']],
    ['🎁', []],
    ['🎁 BIRTHDAY', ['🎁 Gifts']],
    [' vip ', ['zoe']],
  ])('the tag %j finds %j, as a whole tag, whatever its case and accents, in every order', async (tag, expected) => {
    for (const field of ['NAME', 'CREATED_AT', 'UPDATED_AT'])
      expect(await namesWith({ tag }, { field })).toEqual(expected.toSorted());
  });

  test('a telephone number finds the customers who have it, however it is written', async () => {
    const both = ['MULLER', 'Müller'].toSorted();
    for (const phone of ['+4930123456', '+49 30 123456', '+49 (30) 123-456'])
      expect(await namesWith({ phone })).toEqual(both);
    for (const field of ['NAME', 'CREATED_AT', 'UPDATED_AT'])
      expect(await namesWith({ phone: '+4930123456', status: ['LEAD'] }, { field })).toEqual(both);
    expect(await namesWith({ phone: '+49301234567' })).toEqual(['Zoë']);
    expect(await namesWith({ phone: '+4930999999' })).toEqual([]);
  });

  test('empty conditions are refused, and the message names them', async () => {
    const query = 'query Q($f: CustomerFilter) { customers(filter: $f) { totalCount } }';
    for (const [name, value] of Object.entries({ tag: '', nameStartsWith: '  ' }))
      expect(await refused(query, { f: { [name]: value } })).toEqual([
        ['BAD_USER_INPUT', `Argument "filter.${name}": expected 1 to 200 characters, got ${JSON.stringify(value)}.`],
      ]);
    expect(await refused(query, { f: { nameStartsWith: 'n'.repeat(201) } })).toEqual([
      ['BAD_USER_INPUT', expect.stringContaining('expected 1 to 200 characters, got "nnn')],
    ]);
    expect(await namesWith({ nameStartsWith: 'n'.repeat(200) })).toEqual([]);
    for (const [list, field, type] of [
      ['customers', 'status', 'CustomerFilter'],
      ['orders', 'status', 'OrderFilter'],
      ['tickets', 'status', 'TicketFilter'],
      ['tickets', 'priority', 'TicketFilter'],
    ])
      expect(
        await refused(`query Q($f: ${type}) { ${list}(filter: $f) { totalCount } }`, { f: { [field ?? '']: [] } }),
      ).toEqual([['BAD_USER_INPUT', `Argument "filter.${field}": expected at least one value, got an empty list.`]]);
    const ofAgents =
      'query Q($f: CustomerFilter) { agents(first: 1) { nodes { customers(filter: $f) { totalCount } } } }';
    for (const ownerId of ['nobody', '', ' '])
      for (const list of [query, ofAgents])
        expect(await refused(list, { f: { ownerId } })).toEqual([
          ['BAD_USER_INPUT', `Argument "filter.ownerId": expected the id of an Agent, got ${JSON.stringify(ownerId)}.`],
        ]);
  });

  describe('searchCustomers', () => {
    async function search(text: string): Promise<string[]> {
      const names: string[] = [];
      for (let after: string | null = null; ;) {
        const query =
          'query S($t: String!, $a: String) { searchCustomers(text: $t, first: 2, after: $a) { nodes { name } totalCount pageInfo { hasNextPage endCursor } } }';
        const { searchCustomers: page } = await gateway.data(query, { t: text, a: after });
        names.push(...page.nodes.map((node: Person) => node.name));
        if (!page.pageInfo.hasNextPage) {
          expect(page.totalCount).toBe(names.length);
          return names;
        }
        after = page.pageInfo.endCursor;
      }
    }

    test.each<[string, string[]]>([
      ['zo', ['Zoë', 'zoe']],
      ['  MULL ', ['Müller', 'MULLER']],
      ['张', ['张伟', '张伟明']],
      ['100%', ['100% Wool']],
      ['a_', ['a_b']],
      ["o'n", ["O'Neil"]],
      ['123', []],
      // With an @: a prefix of the email.
      ['mueller@', ['Müller']],
      ['MULLER@EXAMPLE', ['MULLER']],
      ['zoe_1@', ['Zoë']],
      ["o'neil@example.com", ["O'Neil"]],
      ['@example.com', []],
      // Four digits or more: a prefix of the telephone number.
      ['4930', ['Müller', 'MULLER', 'Zoë']],
      ['+49 30 123 4567', ['Zoë']],
      ['(49) 30/12-34.56', ['Müller', 'MULLER', 'Zoë']],
      ['1202', [' leading']],
      ['9999', []],
      // As people write it: with an international prefix, and with what is dialled only within the country.
      ['0049 30 123456', ['Müller', 'MULLER', 'Zoë']],
      ['+49 (0)30 123456', ['Müller', 'MULLER', 'Zoë']],
      ['+49 (0)30 12', ['Müller', 'MULLER', 'Zoë']],
      ['0049 (0) 30 1234567', ['Zoë']],
      ['030 123456', ['Müller', 'MULLER', 'Zoë']],
      ['030/1234567', ['Zoë']],
      ['+４９ ３０ １２３４５６', ['Müller', 'MULLER', 'Zoë']],
      ['٠٣٠ ١٢٣٤٥٦', ['Müller', 'MULLER', 'Zoë']],
      ['030 999999', []],
      // The Kelvin sign is not a k.
      ['mueller@\u212a', []],
      ['\u200bZO\u0301\u200d', ['Zoë', 'zoe']],
    ])('%j finds %j', async (text, expected) => {
      expect(await search(text)).toEqual(expected);
    });

    test('refuses a text that is empty or too long', async () => {
      const query = 'query S($t: String!) { searchCustomers(text: $t) { totalCount } }';
      for (const t of ['', '   ', 't'.repeat(101)])
        expect(await refused(query, { t })).toEqual([
          ['BAD_USER_INPUT', expect.stringContaining('Argument "text": expected 1 to 100 characters, got "')],
        ]);
      expect(await refused(query, { t: 't'.repeat(100) })).toEqual([]);
    });

    test.each([
      ['a mark without a letter', '\u0301'],
      ['vowel marks of Arabic', '\u064e\u0651'],
      ['a sign of Devanagari that has no weight', '\u0902'],
      ['a joiner alone', '\u200d'],
      ['a variation selector', '\ufe0f'],
      ['a soft hyphen', '\u00ad'],
      ['a filler of Hangul', '\u3164'],
      ['blank Braille characters', '\u2800\u2800'],
      ['direction marks between spaces', ' \u2060\u202e '],
      ['a control character', 'a\u0007'],
      ['half an emoji', 'a\ud83d'],
    ])('refuses %s, which would be a prefix of every name or is not text', async (_, t) => {
      for (const [query, variables] of [
        ['query S($t: String!) { searchCustomers(text: $t) { totalCount } }', { t }],
        ['query S($f: CustomerFilter) { customers(filter: $f) { totalCount } }', { f: { nameStartsWith: t } }],
        ['query S($f: CustomerFilter) { customers(filter: $f) { totalCount } }', { f: { tag: t } }],
      ] as const)
        expect(await refused(query, variables)).toEqual([
          [
            'BAD_USER_INPUT',
            expect.stringContaining('expected text, with a visible character that counts when names are'),
          ],
        ]);
    });
  });
});
