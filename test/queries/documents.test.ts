import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildSchema, isEnumType, isInterfaceType } from 'graphql';
import type { Answer } from '../support/gateway.ts';
import { askTwice, nodeId, startSeededGateway, type SeededGateway } from '../support/seeded.ts';

// Each document is sent twice: the plain executor answers the first time, the compiled operation the second.

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

/** The data of a document, which must be the same both times. */
// oxlint-disable-next-line typescript/no-explicit-any -- of the shape of the query, which each test knows
async function same(query: string, variables: Readonly<Record<string, unknown>> = {}): Promise<any> {
  const { plain, compiled } = await askTwice(gateway, query, variables);
  expect({ query, variables, errors: plain.errors }).toEqual({ query, variables, errors: [] });
  expect(compiled.text).toBe(plain.text);
  return plain.data;
}

function expectRefused(answer: Answer, code: string, naming: string): void {
  expect(answer).toMatchObject({ status: 200, data: undefined, errors: [{ extensions: { code } }] });
  expect(answer.errors.length).toBe(1);
  expect(answer.errors[0]?.message).toContain(naming);
}

describe('a custom scalar means the same as a literal, as a variable and as a part of a literal', () => {
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

  test('EmailAddress, as the one key of a customer', async () => {
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
  ])('%s: what is none is refused both ways and both times (%s, %s)', async (type, field, value) => {
    const literal = await askTwice(gateway, `{ ${field.replace('VALUE', JSON.stringify(value))} }`);
    const mark = type === 'EmailAddress' ? `${type}!` : type;
    const variable = await askTwice(gateway, `query Q($v: ${mark}) { ${field.replace('VALUE', '$v')} }`, { v: value });
    for (const answer of [literal.plain, literal.compiled]) expectRefused(answer, 'GRAPHQL_VALIDATION_FAILED', value);
    for (const answer of [variable.plain, variable.compiled]) expectRefused(answer, 'BAD_USER_INPUT', value);
  });

  test('CountryCode, beside a telephone number', async () => {
    const write = (country: string) =>
      `createCustomer(input: { name: "N", phone: { number: "1", country: ${country} } }) { userErrors { code path } }`;
    const literal = await same(`mutation { ${write('"DE"')} }`);
    expect(literal).toMatchObject({ createCustomer: { userErrors: [{ code: 'INVALID_PHONE' }] } });
    expect(await same(`mutation M($c: CountryCode) { ${write('$c')} }`, { c: 'DE' })).toEqual(literal);
    const bad = await askTwice(gateway, `mutation M($c: CountryCode) { ${write('$c')} }#`, { c: 'Germany' });
    for (const answer of [bad.plain, bad.compiled]) expectRefused(answer, 'BAD_USER_INPUT', 'Germany');
  });
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
      // One value stands for a list of it.
      expect(await same(`{ ${page(value)} }`)).toEqual(literal);
      expect(literal[list].nodes.length).toBeGreaterThan(0);
      expect(new Set(literal[list].nodes.map((node: Record<string, string>) => node[field]))).toEqual(new Set([value]));
    }
  });

  test.each([
    ['CustomerOrderField', 'customers', 'CustomerOrder'],
    ['OrderOrderField', 'orders', 'OrderOrder'],
    ['TicketOrderField', 'tickets', 'TicketOrder'],
  ])('%s in the order of %s, ascending when no direction is given', async (type, list, input) => {
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

  test('InteractionKind, as an argument of its own', async () => {
    for (const kind of valuesOf('InteractionKind')) {
      const page = (given: string) =>
        `customers(first: 100) { nodes { interactions(kind: ${given}) { nodes { kind } } } }`;
      const literal = await same(`{ ${page(kind)} }`);
      expect(await same(`query Q($k: InteractionKind) { ${page('$k')} }`, { k: kind })).toEqual(literal);
      const kinds = JSON.stringify(literal).match(/"kind":"\w+"/g) ?? [];
      expect(new Set(kinds)).toEqual(new Set([`"kind":"${kind}"`]));
    }
  });

  test('one that the schema does not have is refused both ways and both times', async () => {
    const literal = await askTwice(gateway, '{ customers(filter: { status: [GONE] }) { totalCount } }');
    for (const answer of [literal.plain, literal.compiled]) expectRefused(answer, 'GRAPHQL_VALIDATION_FAILED', 'GONE');
    const query = 'query Q($s: [CustomerStatus!]) { customers(filter: { status: $s }) { totalCount } }';
    const variable = await askTwice(gateway, query, { s: ['GONE'] });
    for (const answer of [variable.plain, variable.compiled]) expectRefused(answer, 'BAD_USER_INPUT', 'GONE');
  });
});

describe('the shape of a document', () => {
  test('@include and @skip leave out what they say, on fields, fragments and what they hold', async () => {
    const query = `query Q($yes: Boolean!, $no: Boolean!) {
      customers(first: 1) {
        totalCount @skip(if: $yes)
        nodes {
          id
          name @include(if: $yes)
          email @include(if: $no)
          status @skip(if: $no)
          phone @skip(if: $yes) @include(if: $yes)
          owner @include(if: $no) { name }
          ... @include(if: $yes) { company }
          ... on Customer @skip(if: $yes) { version }
          ...Times @include(if: $yes)
        }
      }
    }
    fragment Times on Customer { createdAt updatedAt @include(if: $no) }`;
    const keys = async (yes: boolean, no: boolean) => {
      const { customers } = await same(`${query} # ${yes} ${no}`, { yes, no });
      return [...Object.keys(customers), ...Object.keys(customers.nodes[0])];
    };
    expect(await keys(true, false)).toEqual(['nodes', 'id', 'name', 'status', 'company', 'createdAt']);
    expect(await keys(false, true)).toEqual(['totalCount', 'nodes', 'id', 'email', 'owner', 'version']);
    expect(await keys(true, true)).toEqual([
      ...['nodes', 'id', 'name', 'email', 'owner', 'company', 'createdAt', 'updatedAt'],
    ]);
  });

  test('aliases ask one field several times, and may take the name of another field', async () => {
    const { a, b, c } = await same(`{
      a: customers(first: 1, orderBy: { field: NAME }) { nodes { id name } }
      b: customers(first: 1, orderBy: { field: NAME, direction: DESC }) { nodes { id: name name: id } }
      c: customers(last: 1, orderBy: { field: NAME }) { list: nodes { one: id two: id again: name } }
    }`);
    expect(a.nodes[0]).not.toEqual(b.nodes[0]);
    expect(c.list[0]).toEqual({ one: b.nodes[0].name, two: b.nodes[0].name, again: b.nodes[0].id });
  });

  test('fragments, named and inline, within one another, give what the fields written out give', async () => {
    const written = await same(`{
      customers(first: 20) { pageInfo { endCursor } nodes { id name owner { name } orders(first: 2) { nodes { number } } } }
    }`);
    const fragments = await same(`
      { customers(first: 20) { ...Page } }
      fragment Page on CustomerConnection { pageInfo { ... { endCursor } } nodes { ... on Node { id } ...Who } }
      fragment Who on Customer { name owner { ...Name } ...Bought }
      fragment Bought on Customer { orders(first: 2) { nodes { ... on Order { number } } } }
      fragment Name on Agent { name }`);
    expect(fragments).toEqual(written);
  });

  test('of several operations the one named is run', async () => {
    const query = 'query A { agents(first: 1) { nodes { id } } } query B { products(first: 1) { nodes { sku } } }';
    for (const [operationName, key] of [
      ['A', 'agents'],
      ['B', 'products'],
      ['A', 'agents'],
      ['B', 'products'],
    ] as const) {
      const { data } = await gateway.request(query, { operationName });
      expect(Object.keys(data)).toEqual([key]);
    }
  });

  test('default values of variables hold where nothing is given, and null is not nothing', async () => {
    const query = 'query Q($n: Int = 3) { customers(first: $n) { nodes { id } } }';
    const sizes = async (variables: Record<string, unknown>, mark: string) =>
      (await same(`${query} # ${mark}`, variables)).customers.nodes.length;
    expect(await sizes({}, 'none')).toBe(3);
    expect(await sizes({ n: 2 }, 'two')).toBe(2);
    expect(await sizes({ n: null }, 'null')).toBe(20);
  });

  test('a nullable variable where the schema has a default takes the default when left out, and may not be null', async () => {
    const query = (mark: string) => `query Q($d: OrderDirection) {
      customers(first: 20, orderBy: { field: NAME, direction: $d }) { nodes { id } }
    } # ${mark}`;
    const ascending = await same('{ customers(first: 20, orderBy: { field: NAME, direction: ASC }) { nodes { id } } }');
    expect(await same(query('left out'))).toEqual(ascending);
    expect(await same(query('given'), { d: 'ASC' })).toEqual(ascending);
    const { plain, compiled } = await askTwice(gateway, query('null'), { d: null });
    for (const answer of [plain, compiled]) expectRefused(answer, 'BAD_USER_INPUT', '$d');
  });
});

describe('the Node interface', () => {
  const parts: Readonly<Record<string, string>> = {
    // Fields of one name must be of one type wherever they can meet: hence the aliases.
    Customer: 'name email customerStatus: status tags owner { name } createdAt version',
    Order: 'number orderStatus: status total { amount currency } customer { name } items { quantity product { sku } }',
    Product: 'sku productName: name price { amount currency }',
    Ticket: 'number subject ticketStatus: status priority customer { name } assignee { name } closedAt',
    Interaction: 'kind body occurredAt customer { name } agent { name } ticket { number }',
    Agent: 'agentName: name agentEmail: email',
  };
  const inline = Object.entries(parts).map(([type, fields]) => `... on ${type} { ${fields} }`);

  test('gives every type with an inline fragment on each, by node and by nodes', async () => {
    const node = schema.getType('Node');
    const types = isInterfaceType(node) ? schema.getPossibleTypes(node).map((type) => type.name) : [];
    expect(types.toSorted()).toEqual(Object.keys(parts).toSorted());
    const ids = Object.keys(parts).map((type) => nodeId(type, 1));
    const { nodes } = await same(`query Q($ids: [ID!]!) { nodes(ids: $ids) { __typename id ${inline.join(' ')} } }`, {
      ids,
    });
    expect(nodes.map((node: { __typename: string; id: string }) => [node.__typename, node.id])).toEqual(
      Object.keys(parts).map((type, i) => [type, ids[i]]),
    );
    for (const [i, id] of ids.entries()) {
      const single = await same(`query Q($id: ID!) { node(id: $id) { __typename id ${inline.join(' ')} } } # ${i}`, {
        id,
      });
      expect(single.node).toEqual(nodes[i]);
      expect(Object.keys(single.node).length).toBeGreaterThan(3);
    }
  });

  test('is itself enough to ask for an id and a type, in a fragment on the interface too', async () => {
    const id = nodeId('Order', 2);
    expect(await same(`{ node(id: "${id}") { ...N } } fragment N on Node { __typename id }`)).toEqual({
      node: { __typename: 'Order', id },
    });
  });
});
