import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildSchema, isEnumType, isScalarType } from 'graphql';
import { createSchema } from '../../src/graphql/schema.ts';
import type { Answer } from '../support/gateway.ts';
import { nodeId, askBoth, startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { sameData } from './same-answer.ts';

// Each document is executed twice: by its plan, and by graphql-js.

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));

function valuesOf(enumName: string): string[] {
  const type = schema.getType(enumName);
  if (!isEnumType(type)) throw new Error(`${enumName} is no enum`);
  return type.getValues().map((value) => value.name);
}

let gateway: SeededGateway;
beforeAll(async () => {
  gateway = await startSeededGateway();
});
afterAll(() => gateway.close());

const same = (query: string, variables?: Readonly<Record<string, unknown>>) => sameData(gateway, query, variables);

function expectRefused(answer: Answer, code: string, naming: string): void {
  expect(answer).toMatchObject({ status: 200, data: undefined, errors: [{ extensions: { code } }] });
  expect(answer.errors.length).toBe(1);
  expect(answer.errors[0]?.message).toContain(naming);
}

describe('a custom scalar means the same as a literal, as a variable and as a variable inside a literal', () => {
  test.each([
    ['DateTime', '2019-06-01T02:00:00+02:00', 'filter: { createdAt: { from: VALUE } }'],
    ['DateTime', '2019-06-01T00:00:00.000Z', 'filter: { updatedAt: { from: "2018-01-01T00:00:00Z", to: VALUE } }'],
    ['PhoneNumber', 'SEEDED', 'filter: { phone: VALUE }'],
  ])('%s %s in %s', async (type, given, argument) => {
    const known = await gateway.data('{ customers(first: 100) { nodes { phone } } }');
    const phones = known.customers.nodes.map((node: { phone: string | null }) => node.phone);
    const value = given === 'SEEDED' ? phones.find((phone: string | null) => phone !== null) : given;
    const page = (filled: string) => `customers(first: 100, ${filled}) { totalCount nodes { id phone } }`;
    const literal = await same(`{ ${page(argument.replace('VALUE', JSON.stringify(value)))} }`);
    const nested = await same(`query Q($v: ${type}) { ${page(argument.replace('VALUE', '$v'))} }`, { v: value });
    const filter = JSON.parse(
      argument
        .replace('filter: ', '')
        .replace('VALUE', JSON.stringify(value))
        .replaceAll(/(\w+): (?=[{"])/g, '"$1": '),
    );
    const whole = await same(`query Q($f: CustomerFilter) { ${page('filter: $f')} }`, { f: filter });
    expect(literal.customers.totalCount).toBeGreaterThan(0);
    expect(literal.customers.totalCount).toBeLessThan(300);
    expect(nested).toEqual(literal);
    expect(whole).toEqual(literal);
  });

  test('EmailAddress, as the key of a customer', async () => {
    const { customers } = await gateway.data('{ customers(first: 10) { nodes { id email } } }');
    const { id, email } = customers.nodes.find((node: { email: string | null }) => node.email !== null);
    const shouted = email.toUpperCase();
    const expected = { customer: { id } };
    expect(await same(`{ customer(by: { email: "${shouted}" }) { id } }`)).toEqual(expected);
    expect(await same('query Q($e: EmailAddress!) { customer(by: { email: $e }) { id } }', { e: shouted })).toEqual(
      expected,
    );
    expect(await same('query Q($by: CustomerBy!) { customer(by: $by) { id } }', { by: { email: shouted } })).toEqual(
      expected,
    );
  });

  test.each([
    ['DateTime', 'customers(filter: { createdAt: { from: VALUE } }) { totalCount }', 'yesterday'],
    ['DateTime', 'customers(filter: { createdAt: { from: VALUE } }) { totalCount }', '2019-02-30T00:00:00Z'],
    ['PhoneNumber', 'customers(filter: { phone: VALUE }) { totalCount }', '12'],
    ['EmailAddress', 'customer(by: { email: VALUE }) { id }', 'nobody'],
  ])('%s: an invalid one is refused as a literal and as a variable (%s, %s)', async (type, field, value) => {
    const literal = await askBoth(gateway, `{ ${field.replace('VALUE', JSON.stringify(value))} }`);
    const mark = type === 'EmailAddress' ? `${type}!` : type;
    const variable = await askBoth(gateway, `query Q($v: ${mark}) { ${field.replace('VALUE', '$v')} }`, { v: value });
    for (const answer of [literal.plain, literal.planned]) expectRefused(answer, 'GRAPHQL_VALIDATION_FAILED', value);
    for (const answer of [variable.plain, variable.planned]) expectRefused(answer, 'BAD_USER_INPUT', value);
  });

  test('of several invalid literals, each is reported with its location and argument', async () => {
    const { errors } = await gateway.request(
      '{ customers(filter: { createdAt: { from: "x" }, updatedAt: { to: "y" } }) { totalCount } }',
    );
    expect(errors).toEqual(
      [
        ['x', 42, 'createdAt.from'],
        ['y', 66, 'updatedAt.to'],
      ].map(([value, column, field]) => ({
        message: `Argument "filter.${field}": expected an RFC 3339 date and time such as "2026-11-23T09:30:00Z" in the years 1000 to 9999, without leap seconds, got "${value}".`,
        locations: [{ line: 1, column }],
        extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
      })),
    );
  });

  test.each([
    ['unitPrice', '1.10'],
    ['unitPrice', 'true'],
    ['unitPrice', '[1, 2]'],
    ['unitPrice', '{ a: 1 }'],
    ['discount', 'TEN'],
  ])('a literal of another kind is shown as it is written (%s: %s)', async (field, given) => {
    const items = `[{ product: { sku: "a" }, quantity: 1 }, { product: { sku: "a" }, quantity: 1, ${field}: ${given} }]`;
    const input = `{ customerId: "${nodeId('Customer', 1)}", currency: "EUR", items: ${items} }`;
    const { errors } = await gateway.request(`mutation { createOrder(input: ${input}) { order { id } } }`);
    const message = new RegExp(`^Argument "input.items\\[1\\].${field}": expected a decimal number .*, got `);
    expect(errors).toMatchObject([{ message: expect.stringMatching(message) }]);
    expect(errors[0]?.message.endsWith(`, got ${given}.`)).toBe(true);
  });

  test('a variable with a wrong value is refused with the location of its definition', async () => {
    const query = 'query Q(\n  $f: CustomerFilter) { customers(filter: $f) { totalCount } }';
    const { errors } = await gateway.request(query, { variables: { f: { createdAt: { from: 'x' } } } });
    expect(errors).toMatchObject([{ locations: [{ line: 2, column: 3 }], extensions: { code: 'BAD_USER_INPUT' } }]);
    expect(errors[0]?.message).toContain('createdAt.from');
  });

  test('for a wrong default value of a variable, the error names the variable', async () => {
    const defaults = '$f: CustomerFilter = {createdAt: {from: "x"}}, $d: OrderDirection = "ASC"';
    const list = 'customers(filter: $f, orderBy: {field: NAME, direction: $d}) { totalCount }';
    const { errors } = await gateway.request(`query Q(${defaults}) { ${list} }`);
    expect(errors).toMatchObject([
      {
        message:
          'Variable "$f.createdAt.from": expected an RFC 3339 date and time such as "2026-11-23T09:30:00Z" in the years 1000 to 9999, without leap seconds, got "x".',
        locations: [{ line: 1, column: 49 }],
      },
      { message: expect.stringMatching(/^Variable "\$d": .*"ASC"/), locations: [{ line: 1, column: 77 }] },
    ]);
  });

  test('CountryCode, next to a telephone number', async () => {
    const write = (country: string) =>
      `createCustomer(input: { name: "N", phone: { number: "1", country: ${country} } }) { userErrors { code path } }`;
    const literal = await same(`mutation { ${write('"DE"')} }`);
    expect(literal).toMatchObject({ createCustomer: { userErrors: [{ code: 'INVALID_PHONE' }] } });
    expect(await same(`mutation M($c: CountryCode) { ${write('$c')} }`, { c: 'DE' })).toEqual(literal);
    const bad = await askBoth(gateway, `mutation M($c: CountryCode) { ${write('$c')} }#`, { c: 'Germany' });
    for (const answer of [bad.plain, bad.planned]) expectRefused(answer, 'BAD_USER_INPUT', 'Germany');
  });
});

test.each([
  ['DateTime', '0001-01-01T00:00:00Z', 'in the years 1000 to 9999, without leap seconds, got "0001'],
  ['DateTime', '2016-12-31T23:59:60Z', 'in the years 1000 to 9999, without leap seconds, got "2016'],
  ['Decimal', '1.23456', 'with at most 15 digits before and 4 after the point, got "1.23456".'],
  ['Decimal', 9_007_199_254_740_991, 'with at most 15 digits before and 4 after the point, got 9007'],
  ['EmailAddress', 'ada@example.com\u200b', 'in ASCII such as "ada@example.com", got "ada@example.com\\u200b".'],
  ['EmailAddress', '\u212aate@example.com', 'in ASCII such as "ada@example.com", got "\\u212aate@example.com".'],
  ['EmailAddress', 'a***@e***.com', 'got the mask "a***@e***.com".'],
  ['PhoneNumber', '+49 *** 56', 'got the mask "+49 *** 56".'],
  ['PhoneNumber', '+49\u2060', 'got "+49\\u2060".'],
])('the error for a malformed %s states the limits and makes every character visible: %j', (name, value, said) => {
  const type = createSchema().getType(name);
  if (!isScalarType(type)) throw new Error(`${name} is not a scalar`);
  expect(() => type.parseValue(value)).toThrow(said);
});

describe('an enum value means the same as a literal and as a variable', () => {
  test.each([
    ['CustomerStatus', 'customers', 'status'],
    ['OrderStatus', 'orders', 'status'],
    ['TicketStatus', 'tickets', 'status'],
    ['TicketPriority', 'tickets', 'priority'],
  ])('%s in the filter of %s', async (type, list, field) => {
    for (const value of valuesOf(type)) {
      const page = (given: string) => `${list}(first: 5, filter: { ${field}: ${given} }) { nodes { id ${field} } }`;
      const literal = await same(`{ ${page(`[${value}]`)} }`);
      expect(await same(`query Q($v: ${type}!) { ${page('[$v]')} }`, { v: value })).toEqual(literal);
      expect(await same(`query Q($v: [${type}!]) { ${page('$v')} }`, { v: [value] })).toEqual(literal);
      // A single value stands for a list of it.
      expect(await same(`{ ${page(value)} }`)).toEqual(literal);
      expect(literal[list].nodes.length).toBeGreaterThan(0);
      expect(new Set(literal[list].nodes.map((node: Record<string, string>) => node[field]))).toEqual(new Set([value]));
    }
  });

  test.each([
    ['CustomerOrderField', 'customers', 'CustomerOrder'],
    ['OrderOrderField', 'orders', 'OrderOrder'],
    ['TicketOrderField', 'tickets', 'TicketOrder'],
  ])('%s in the orderBy of %s, ascending if no direction is given', async (type, list, input) => {
    for (const field of valuesOf(type)) {
      const page = (given: string) => `${list}(first: 20, orderBy: ${given}) { nodes { id } }`;
      const ascending = await same(`{ ${page(`{ field: ${field} }`)} }`);
      const descending = await same(`{ ${page(`{ field: ${field}, direction: DESC }`)} }`);
      expect(descending).not.toEqual(ascending);
      expect(await same(`query Q($o: ${input}) { ${page('$o')} }`, { o: { field } })).toEqual(ascending);
      expect(
        await same(`query Q($f: ${type}!, $d: OrderDirection!) { ${page('{ field: $f, direction: $d }')} }`, {
          f: field,
          d: 'DESC',
        }),
      ).toEqual(descending);
    }
  });

  test('InteractionKind, as an argument by itself', async () => {
    for (const kind of valuesOf('InteractionKind')) {
      const page = (given: string) =>
        `customers(first: 100) { nodes { interactions(kind: ${given}) { nodes { kind } } } }`;
      const literal = await same(`{ ${page(kind)} }`);
      expect(await same(`query Q($k: InteractionKind) { ${page('$k')} }`, { k: kind })).toEqual(literal);
      const kinds = JSON.stringify(literal).match(/"kind":"\w+"/g) ?? [];
      expect(new Set(kinds)).toEqual(new Set([`"kind":"${kind}"`]));
    }
  });

  test('one that the schema does not have is refused as a literal and as a variable', async () => {
    const literal = await askBoth(gateway, '{ customers(filter: { status: [GONE] }) { totalCount } }');
    for (const answer of [literal.plain, literal.planned]) expectRefused(answer, 'GRAPHQL_VALIDATION_FAILED', 'GONE');
    const query = 'query Q($s: [CustomerStatus!]) { customers(filter: { status: $s }) { totalCount } }';
    const variable = await askBoth(gateway, query, { s: ['GONE'] });
    for (const answer of [variable.plain, variable.planned]) expectRefused(answer, 'BAD_USER_INPUT', 'GONE');
  });
});
