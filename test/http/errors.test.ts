import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { ERROR_CODES } from '../../src/errors.ts';
import { PATIENT, startGateway, type Answer, type RequestOptions, type TestGateway } from '../support/gateway.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';

const PEOPLE = { name: 'Zaphod Beeblebrox', email: 'zaphod@heart-of-gold.example', phone: '+442079460958' };
const SECRETS = [...Object.values(PEOPLE), 'Beeblebrox', 'heart-of-gold', '79460958'];

let database: TestDatabase;
let gateway: TestGateway;

const sql = (statement: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> =>
  withConnection(database.url, (connection) => connection.query(statement, values));

beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 50, ordersPerCustomer: 3, seed: 1 });
  await sql('UPDATE customers SET name = ?, email = ?, phone = ? WHERE id = 1', Object.values(PEOPLE));
  gateway = await startGateway({ databaseUrl: database.url, settings: PATIENT });
});

afterAll(async () => {
  await gateway.close();
  await database.drop();
});

/** Asks twice: with a new plan, then with the kept one. Both responses must be the same. */
async function ask(query: string, options: RequestOptions = {}): Promise<Answer> {
  const headers = { accept: 'application/graphql-response+json', ...options.headers };
  const first = await gateway.request(query, { ...options, headers });
  const second = await gateway.request(query, { ...options, headers });
  const told = ({ status, text }: Answer) => [status, text.replaceAll(/"errorId":"[^"]+"/g, '"errorId":"…"')];
  expect(told(second)).toEqual(told(first));
  return first;
}

/** The log lines about one error. */
const linesWith = (errorId: string | undefined): string[] =>
  gateway.logLines.filter((line) => errorId !== undefined && line.includes(errorId));

describe('an unexpected error', () => {
  test('in a resolver is masked: the response has a path and an id, and the log has the same id and the stack', async () => {
    await sql('UPDATE orders SET customer_id = 999999 WHERE id = 1');
    const [row] = await sql('SELECT number FROM orders WHERE id = 1');
    const query = 'query($number: String!) { order(by: { number: $number }) { number customer { name } } }';
    const answer = await ask(query, { variables: { number: row?.['number'] } });
    expect({ status: answer.status, data: answer.data, errors: answer.errors }).toEqual({
      status: 200,
      data: { order: null },
      errors: [
        {
          message: 'Unexpected error.',
          path: ['order', 'customer'],
          locations: expect.anything(),
          extensions: { code: 'INTERNAL_SERVER_ERROR', errorId: expect.stringMatching(/^[\da-f-]{36}$/) },
        },
      ],
    });
    const lines = linesWith(answer.errors[0]?.extensions.errorId);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 50,
      path: 'order.customer',
      err: { type: 'Error', at: expect.arrayContaining([expect.stringContaining('relations.ts')]) },
    });
  });

  test.each([
    ['a table that is gone', 'products', '{ products { nodes { name } } }'],
    [
      'a write that cannot be finished',
      'customer_changes',
      'mutation { createCustomer(input: { name: "Zaphod Beeblebrox", email: "zaphod@elsewhere.example" }) { customer { id } } }',
    ],
  ])('because of %s is masked, has the status 500, and is counted', async (_, table, query) => {
    await sql(`RENAME TABLE ${table} TO ${table}_away`);
    try {
      const before = await gateway.metric('concierge_masked_errors_total');
      const answer = await ask(query);
      expect(answer.status).toBe(500);
      expect(answer.data).toBeNull();
      expect(answer.errors.map(({ message, extensions }) => [message, Object.keys(extensions).sort()])).toEqual([
        ['Unexpected error.', ['code', 'errorId']],
      ]);
      expect(answer.text).not.toMatch(/table|select|insert|prisma|mysql|maria|_away|\.ts/i);
      expect(linesWith(answer.errors[0]?.extensions.errorId)).toHaveLength(1);
      // ER_NO_SUCH_TABLE: the numbers of the database's errors are logged, not its messages.
      expect(linesWith(answer.errors[0]?.extensions.errorId)[0]).toMatch(/1146|P2021/);
      expect(await gateway.metric('concierge_masked_errors_total')).toBe(before + 2);
    } finally {
      await sql(`RENAME TABLE ${table}_away TO ${table}`);
    }
    expect(await sql("SELECT id FROM customers WHERE email = 'zaphod@elsewhere.example'")).toEqual([]);
  });

  test('leaves the other fields in the result', async () => {
    await sql('UPDATE tickets SET customer_id = 999999 WHERE id = 1');
    const [row] = await sql('SELECT number FROM tickets WHERE id = 1');
    const query = `query($number: String!) {
      ticket(by: { number: $number }) { customer { name } }
      customer(by: { email: "${PEOPLE.email}" }) { name }
    }`;
    const answer = await ask(query, { variables: { number: row?.['number'] } });
    expect(answer.data).toEqual({ ticket: null, customer: { name: PEOPLE.name } });
    expect(answer.errors).toHaveLength(1);
  });
});

const BY_EMAIL = 'query($e: EmailAddress!) { customer(by: { email: $e }) { id } }';
const BY_PHONE = 'query($p: PhoneNumber) { customers(filter: { phone: $p }) { totalCount } }';
const BY_FILTER = 'query($f: CustomerFilter) { customers(filter: $f) { totalCount } }';
const SEARCH = 'query($t: String!) { searchCustomers(text: $t, first: 101) { totalCount } }';
const PAGE = 'query($a: String) { customers(after: $a) { nodes { id } } }';

const WRONG: Readonly<Record<string, [string, Readonly<Record<string, unknown>>, string]>> = {
  'a document that does not parse': [`{ customer(by: { email: "${PEOPLE.email}" ) }`, {}, 'GRAPHQL_PARSE_FAILED'],
  'an unknown field': [`{ customer(by: { email: "${PEOPLE.email}" }) { nope } }`, {}, 'GRAPHQL_VALIDATION_FAILED'],
  'a wrong literal': [`{ customer(by: { email: "${PEOPLE.email}@" }) { id } }`, {}, 'GRAPHQL_VALIDATION_FAILED'],
  'two keys at once': [
    `{ customer(by: { email: "${PEOPLE.email}", id: "x" }) { id } }`,
    {},
    'GRAPHQL_VALIDATION_FAILED',
  ],
  'a wrong email in a variable': [BY_EMAIL, { e: `${PEOPLE.email}@` }, 'BAD_USER_INPUT'],
  'a variable left out': [BY_EMAIL, {}, 'BAD_USER_INPUT'],
  'a wrong phone in a variable': [BY_PHONE, { p: `call ${PEOPLE.phone}` }, 'BAD_USER_INPUT'],
  'an unknown field in a variable': [BY_FILTER, { f: { name: PEOPLE.name } }, 'BAD_USER_INPUT'],
  'text that is not an id': ['query($id: ID!) { node(id: $id) { id } }', { id: PEOPLE.name }, 'BAD_USER_INPUT'],
  'text that is not a cursor': [PAGE, { a: PEOPLE.email }, 'BAD_USER_INPUT'],
  'too large a page': [SEARCH, { t: PEOPLE.name }, 'BAD_USER_INPUT'],
  'too many tokens': [`{ ${'__typename '.repeat(2_100)} }`, {}, 'QUERY_TOO_COMPLEX'],
};

describe('an error that clients may see', () => {
  test.each(Object.entries(WRONG))('for %s has its code and nothing else', async (_, [query, variables, code]) => {
    const answer = await ask(query, { variables });
    const isPart = Object.values(answer.data ?? {}).length > 0;
    expect(answer.status).toBe(isPart ? 200 : 400);
    expect(new Set(answer.errors.map(({ extensions }) => JSON.stringify(extensions)))).toEqual(
      new Set([JSON.stringify({ code })]),
    );
  });

  test('has a code from the closed set', () => {
    expect(Object.keys(ERROR_CODES).sort()).toEqual(
      [
        ...['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'BAD_USER_INPUT', 'QUERY_TOO_COMPLEX'],
        ...['PERSISTED_QUERY_NOT_FOUND', 'UNAUTHENTICATED', 'FORBIDDEN', 'RATE_LIMITED', 'TIMEOUT'],
        ...['SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR'],
      ].sort(),
    );
  });
});

test('the log has no customer data, whatever goes wrong, even at its most verbose level', async () => {
  for (const [query, variables] of Object.values(WRONG)) await gateway.request(query, { variables });
  const input = { name: PEOPLE.name, email: PEOPLE.email, phone: { number: PEOPLE.phone } };
  const create = 'mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { userErrors { code } } }';
  const refused = await gateway.data(create, { input });
  expect(refused.createCustomer.userErrors).toEqual([{ code: 'ALREADY_EXISTS' }]);
  // The driver's own errors contain the statement and its values.
  await sql('RENAME TABLE customer_stats TO customer_stats_away');
  try {
    const broken = await gateway.request(create, { variables: { input: { ...input, email: `a.${PEOPLE.email}` } } });
    expect(broken.errors[0]?.extensions.code).toBe('INTERNAL_SERVER_ERROR');
    const read = 'query($e: EmailAddress!) { customer(by: { email: $e }) { name summary { orderCount } } }';
    const unread = await gateway.request(read, { variables: { e: PEOPLE.email } });
    expect(unread.errors[0]?.extensions.code).toBe('INTERNAL_SERVER_ERROR');
  } finally {
    await sql('RENAME TABLE customer_stats_away TO customer_stats');
  }
  const names = await sql('SELECT name, email, phone FROM customers');
  const log = gateway.logLines.join('');
  expect(gateway.logLines.length).toBeGreaterThanOrEqual(2);
  const told = [...SECRETS, ...names.flatMap((row) => Object.values(row))].filter(
    (text) => typeof text === 'string' && log.includes(text),
  );
  expect(told).toEqual([]);
});
