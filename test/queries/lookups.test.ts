import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TYPES } from '../../src/crm/registry.ts';
import type { Answer } from '../support/gateway.ts';
import { askBoth, nodeId, startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';

let gateway: SeededGateway;
beforeAll(async () => {
  gateway = await startSeededGateway(50);
});
afterAll(() => gateway.close());

const TABLES = new Map<string, string>(TYPES.map(({ table }) => [table.type, table.name]));

/** Every look-up by a key: the field, its argument, and a column that identifies the row. */
const KEYS = (
  [
    ['customer', 'by: { id: $key }', 'ID!', 'Customer', 'id'],
    ['customer', 'by: { externalId: $key }', 'String!', 'Customer', 'external_id'],
    ['customer', 'by: { email: $key }', 'EmailAddress!', 'Customer', 'email'],
    ['product', 'by: { id: $key }', 'ID!', 'Product', 'id'],
    ['product', 'by: { sku: $key }', 'String!', 'Product', 'sku'],
    ['order', 'by: { id: $key }', 'ID!', 'Order', 'id'],
    ['order', 'by: { number: $key }', 'String!', 'Order', 'number'],
    ['ticket', 'by: { id: $key }', 'ID!', 'Ticket', 'id'],
    ['ticket', 'by: { number: $key }', 'String!', 'Ticket', 'number'],
    ['agent', 'id: $key', 'ID!', 'Agent', 'id'],
    ['node', 'id: $key', 'ID!', 'Interaction', 'id'],
  ] as const
).map(([field, argument, type, typeName, column]) => ({ field, argument, type, typeName, column }));

const byId = KEYS.filter(({ column }) => column === 'id');
const byText = KEYS.filter(({ column }) => column !== 'id');

const document = (field: string, argument: string, type: string) =>
  `query Q($key: ${type}) { ${field}(${argument}) { __typename id } }`;

/** Both results of a query: by its plan, and by graphql-js. */
async function both(query: string, variables: Record<string, unknown>): Promise<Answer[]> {
  const { plain, planned } = await askBoth(gateway, query, variables);
  return [plain, planned];
}

async function expectRefused(query: string, variables: Record<string, unknown>, naming: string): Promise<void> {
  for (const answer of await both(query, variables)) {
    const codes = [...new Set(answer.errors.map((error) => error.extensions.code))];
    expect({ query, variables, codes }).toEqual({ query, variables, codes: ['BAD_USER_INPUT'] });
    expect(answer.errors[0]?.message).toContain(naming);
  }
}

const MALFORMED = [
  ...['', '1', 'Customer:1', '!!!', 'Q3VzdG9tZXI6MQ==', ' Q3VzdG9tZXI6MQ', 'A'.repeat(70)],
  ...[nodeId('Customer', ''), nodeId('Customer', '0'), nodeId('Customer', '-1'), nodeId('Customer', '01')],
  ...[nodeId('Customer', '9223372036854775808'), nodeId('Customer', '1:2'), nodeId('Customer', '1 OR 1=1')],
  ...[nodeId('Planet', 1), nodeId('customer', 1), nodeId('', 1), nodeId('Change', 1), nodeId('__proto__', 1)],
];

describe('a look-up', () => {
  test.each(KEYS)('$field($argument) finds its row', async ({ field, argument, type, typeName, column }) => {
    const rows: { id: bigint; key: string }[] = await withConnection(gateway.databaseUrl, (sql) =>
      sql.query(
        `SELECT id, ${column} AS \`key\` FROM ${TABLES.get(typeName)} WHERE ${column} IS NOT NULL ORDER BY id LIMIT 3`,
      ),
    );
    expect(rows.length).toBe(3);
    for (const { id, key } of rows) {
      const given = column === 'id' ? nodeId(typeName, id) : key;
      for (const answer of await both(document(field, argument, type), { key: given }))
        expect(answer.data).toEqual({ [field]: { __typename: typeName, id: nodeId(typeName, id) } });
    }
  });

  test.each(byText)('$field($argument) gives null for a key that no row has', async ({ field, argument, type }) => {
    for (const answer of await both(document(field, argument, type), { key: 'nobody@nowhere.example' }))
      expect(answer).toMatchObject({ status: 200, errors: [], data: { [field]: null } });
  });

  test.each(byId)(
    '$field($argument) gives null for an id that no row has',
    async ({ field, argument, type, typeName }) => {
      for (const id of ['999999', '9223372036854775807'])
        for (const answer of await both(document(field, argument, type), { key: nodeId(typeName, id) }))
          expect(answer).toMatchObject({ status: 200, errors: [], data: { [field]: null } });
    },
  );

  test.each(byId)(
    '$field($argument) refuses text that is not an id, and says what was given',
    async ({ field, argument, type }) => {
      for (const key of MALFORMED)
        await expectRefused(document(field, argument, type), { key }, JSON.stringify(key).slice(0, 20));
    },
  );

  test.each(byId.filter(({ field }) => field !== 'node'))(
    '$field($argument) refuses the id of another type',
    async ({ field, argument, type, typeName }) => {
      const other = typeName === 'Order' ? 'Customer' : 'Order';
      await expectRefused(
        document(field, argument, type),
        { key: nodeId(other, 1) },
        `that of ${/^[AIO]/.test(other) ? 'an' : 'a'} ${other}`,
      );
    },
  );

  test('of a customer by email ignores case and surrounding spaces, and nothing else', async () => {
    const [{ id, email }] = await withConnection(gateway.databaseUrl, (sql) =>
      sql.query('SELECT id, email FROM customers WHERE email IS NOT NULL LIMIT 1'),
    );
    const query = document('customer', 'by: { email: $key }', 'EmailAddress!');
    for (const key of [email, email.toUpperCase(), ` ${email} `])
      for (const answer of await both(query, { key })) expect(answer.data.customer?.id).toBe(nodeId('Customer', id));
    for (const key of [`x${email}`, email.replace('@', '_@')])
      for (const answer of await both(query, { key })) expect(answer.data).toEqual({ customer: null });
    for (const key of ['nobody', '@', 'a@b@c', '']) await expectRefused(query, { key }, 'Expected an email address');
  });

  test('of a customer, product, order or ticket by its text key ignores surrounding blanks, as writes do', async () => {
    for (const [field, key, value] of [
      ['customer', 'externalId', 'C-00000001'],
      ['product', 'sku', 'P-001-EUR'],
      ['order', 'number', 'SO-00000001'],
      ['ticket', 'number', 'T-00000001'],
    ] as const) {
      const query = `query Q($key: String!) { ${field}(by: { ${key}: $key }) { id } }`;
      const [plain] = await both(query, { key: value });
      expect(plain?.data[field]).not.toBeNull();
      for (const blank of [' ', '\t', '\n', '\u00a0', '\u3000'])
        for (const answer of await both(query, { key: `${blank}${value}${blank}` }))
          expect(answer.data).toEqual(plain?.data);
    }
  });

  test('of a customer, product, order or ticket by its text key compares byte by byte', async () => {
    for (const [field, key, value] of [
      ['customer', 'externalId', 'c-00000001'],
      ['customer', 'externalId', 'C-0000 0001'],
      ['product', 'sku', 'p-001-EUR'],
      ['order', 'number', 'so-00000001'],
      ['ticket', 'number', 't-00000001'],
      ['ticket', 'number', "' OR 1=1 -- "],
    ] as const)
      expect(await gateway.data(`{ ${field}(by: { ${key}: "${value}" }) { id } }`)).toEqual({ [field]: null });
  });
});

describe('nodes', () => {
  const query = 'query N($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }';

  test('returns objects of every type in the order of the ids, repeated ones too, with null for missing ones', async () => {
    const ids = [
      ...[nodeId('Order', 3), nodeId('Customer', 2), nodeId('Customer', 999_999), nodeId('Agent', 1)],
      ...[nodeId('Customer', 1), nodeId('Order', 3), nodeId('Ticket', 999_999), nodeId('Product', 5)],
      ...[nodeId('Interaction', 4), nodeId('Ticket', 1), nodeId('Customer', 2)],
    ];
    for (const { data, errors } of await both(query, { ids })) {
      expect(errors).toEqual([]);
      expect(data.nodes.map((node: { id: string } | null) => node?.id ?? null)).toEqual(
        ids.map((id) => (id === nodeId('Customer', 999_999) || id === nodeId('Ticket', 999_999) ? null : id)),
      );
    }
  });

  test('accepts no ids and 100 ids, and refuses 101', async () => {
    const ids = Array.from({ length: 101 }, (_, i) => nodeId('Customer', i + 1));
    for (const { data } of await both(query, { ids: [] })) expect(data).toEqual({ nodes: [] });
    for (const { data } of await both(query, { ids: ids.slice(1) })) {
      expect(data.nodes.length).toBe(100);
      expect(data.nodes.filter((node: unknown) => node !== null).length).toBe(49);
    }
    await expectRefused(query, { ids }, 'Argument "ids": expected at most 100 ids, got 101.');
  });

  test('refuses text that is not an id, and says which', async () => {
    const [one] = [nodeId('Customer', 1)];
    for (const bad of MALFORMED) {
      const ids = [one, one, bad];
      for (const { errors } of await both(query, { ids })) {
        expect(errors.map((error) => error.extensions.code)).toEqual(['BAD_USER_INPUT']);
        expect(errors[0]?.message).toContain('Argument "ids[2]"');
      }
    }
  });
});

describe('exactly one key', () => {
  const fields = [
    ['customer', 'CustomerBy', { id: nodeId('Customer', 1), email: 'a@example.com' }],
    ['product', 'ProductBy', { id: nodeId('Product', 1), sku: 'P-001-EUR' }],
    ['order', 'OrderBy', { id: nodeId('Order', 1), number: 'SO-00000001' }],
    ['ticket', 'TicketBy', { id: nodeId('Ticket', 1), number: 'T-00000001' }],
  ] as const;

  test.each(fields)('is required by %s, as a literal', async (field, _, keys) => {
    const literal = Object.entries(keys).map(([name, value]) => `${name}: "${value}"`);
    for (const by of [literal.join(', '), '', `${literal[0]}, ${literal[1]?.replace(/".*"/, 'null')}`, 'id: null']) {
      for (const answer of await both(`{ ${field}(by: { ${by} }) { id } }`, {}))
        expect([answer.status, ...answer.errors.map((error) => error.extensions.code)]).toEqual([
          200,
          'GRAPHQL_VALIDATION_FAILED',
        ]);
    }
  });

  test.each(fields)('is required by %s, as a variable', async (field, type, keys) => {
    const query = `query Q($by: ${type}!) { ${field}(by: $by) { id } }`;
    for (const by of [keys, {}, { ...keys, id: null }, { id: null }])
      await expectRefused(query, { by }, 'exactly one field must be specified');
    await expectRefused(query, { by: { nothing: 1 } }, 'nothing');
    await expectRefused(query, {}, '$by');
    await expectRefused(query, { by: null }, '$by');
  });

  test.each(fields)('is required by %s, as a literal with variables in it', async (field, type, keys) => {
    const [, other] = Object.keys(keys);
    const query = `query Q($id: ID, $other: String) { ${field}(by: { id: $id, ${other}: $other }) { id } }`;
    for (const answer of await both(query, { id: keys.id, other: 'x' }))
      expect(answer.errors.every((error) => error.extensions.code === 'GRAPHQL_VALIDATION_FAILED')).toBe(true);
    const single = `query Q($id: ID) { ${field}(by: { id: $id }) { id } } # ${type}`;
    for (const answer of await both(single, { id: keys.id })) expect(answer.data).toEqual({ [field]: { id: keys.id } });
    await expectRefused(single, { id: null }, '$id');
    await expectRefused(single, {}, '$id');
  });
});
