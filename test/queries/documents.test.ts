import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildSchema, isInterfaceType } from 'graphql';
import type { TypeName } from '../../src/crm/registry.ts';
import { askBoth, nodeId, startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { sameData } from './same-answer.ts';

// Each document is executed twice: by its plan, and by graphql-js.

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));

let gateway: SeededGateway;
beforeAll(async () => {
  gateway = await startSeededGateway();
});
afterAll(() => gateway.close());

const same = (query: string, variables?: Readonly<Record<string, unknown>>) => sameData(gateway, query, variables);

describe('the shape of a document', () => {
  test('@include and @skip leave out fields, and fragments with everything in them', async () => {
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
    const allBut = 'nodes id name email owner company createdAt updatedAt';
    expect(await keys(true, true)).toEqual(allBut.split(' '));
  });

  test('an alias selects a field once more, and may be the name of another field', async () => {
    const { a, b, c } = await same(`{
      a: customers(first: 1, orderBy: { field: NAME }) { nodes { id name } }
      b: customers(first: 1, orderBy: { field: NAME, direction: DESC }) { nodes { id: name name: id } }
      c: customers(last: 1, orderBy: { field: NAME }) { list: nodes { one: id two: id again: name } }
    }`);
    expect(a.nodes[0]).not.toEqual(b.nodes[0]);
    expect(c.list[0]).toEqual({ one: b.nodes[0].name, two: b.nodes[0].name, again: b.nodes[0].id });
  });

  test('named, inline and nested fragments give the same result as their fields written out', async () => {
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

  test('of several operations, the named one is executed', async () => {
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

  test('a default value of a variable applies if no value is given, but not if null is given', async () => {
    const query = 'query Q($n: Int = 3) { customers(first: $n) { nodes { id } } }';
    const sizes = async (variables: Record<string, unknown>, mark: string) =>
      (await same(`${query} # ${mark}`, variables)).customers.nodes.length;
    expect(await sizes({}, 'none')).toBe(3);
    expect(await sizes({ n: 2 }, 'two')).toBe(2);
    expect(await sizes({ n: null }, 'null')).toBe(20);
  });

  test('an omitted nullable variable takes the default that the schema has in its place, and may not be null there', async () => {
    const query = (mark: string) => `query Q($d: OrderDirection) {
      customers(first: 20, orderBy: { field: NAME, direction: $d }) { nodes { id } }
    } # ${mark}`;
    const ascending = await same('{ customers(first: 20, orderBy: { field: NAME, direction: ASC }) { nodes { id } } }');
    expect(await same(query('left out'))).toEqual(ascending);
    expect(await same(query('given'), { d: 'ASC' })).toEqual(ascending);
    const { plain, planned } = await askBoth(gateway, query('null'), { d: null });
    expect(planned.text).toBe(plain.text);
    expect(planned).toMatchObject({
      data: null,
      errors: [{ path: ['customers'], extensions: { code: 'BAD_USER_INPUT' } }],
    });
    expect(planned.errors[0]?.message).toContain('$d');
  });

  test.each([
    ['at a field', `node(id: "${nodeId('Customer', 1)}") { id ... on Customer { name @include(if: $if) } }`],
    ['at a fragment', '__typename ... @skip(if: $if) { __typename }'],
    ['in a fragment of a fragment', '...A'],
    ['within introspection', '__schema { queryType { name @skip(if: $if) } }'],
    ['within what another one leaves out', '__typename ... @skip(if: true) { a: __typename @skip(if: $if) }'],
  ])('a variable that is null in @include or @skip is refused before anything runs: %s', async (_where, selections) => {
    const fragments = 'fragment A on Query { ...B } fragment B on Query { __typename @include(if: $if) }';
    const query = `query($if: Boolean = true) { ${selections} } ${selections === '...A' ? fragments : ''}`;
    expect(await gateway.request(query)).toMatchObject({ errors: [], data: {} });
    const refused = await gateway.request(query, { variables: { if: null } });
    expect(refused.errors).toEqual([
      {
        message: 'Expected true or false for @skip and @include, got a variable that is null.',
        extensions: { code: 'BAD_USER_INPUT' },
      },
    ]);
    expect(refused.text).not.toContain('"data"');
  });

  test('a variable matters only where it is used in what is executed', async () => {
    const skipped =
      'query Q($x: ID, $no: Boolean = false) { customer(by: {id: $x}) @include(if: $no) { id } __typename }';
    expect(await same(skipped)).toEqual({ __typename: 'Query' });
    const { plain, planned } = await askBoth(gateway, skipped, { no: true });
    expect(planned.text).toBe(plain.text);
    expect(planned).toMatchObject({
      data: { customer: null, __typename: 'Query' },
      errors: [{ path: ['customer'], extensions: { code: 'BAD_USER_INPUT' } }],
    });
    // Neither the type nor the position of a variable in another operation affects this one.
    const several = `query A($x: DateTime) { customers(filter: {createdAt: {from: $x}}) { totalCount } }
      query B($x: Boolean = true) { __typename @include(if: $x) }
      query C($x: ID!) { customer(by: {id: $x}) { id } }`;
    const answer = await gateway.request(several, { operationName: 'A', variables: { x: null } });
    expect(answer).toMatchObject({ errors: [], data: { customers: { totalCount: 300 } } });
  });
});

describe('the Node interface', () => {
  const parts: Readonly<Record<TypeName, string>> = {
    // Fields with the same response key must have the same type wherever they can meet, hence the aliases.
    Customer: 'name email customerStatus: status tags owner { name } createdAt version',
    Order: 'number orderStatus: status total { amount currency } customer { name } items { quantity product { sku } }',
    Product: 'sku productName: name price { amount currency }',
    Ticket: 'number subject ticketStatus: status priority customer { name } assignee { name } closedAt',
    Interaction: 'kind body occurredAt customer { name } agent { name } ticket { number }',
    Agent: 'agentName: name agentEmail: email',
  };
  const inline = Object.entries(parts).map(([type, fields]) => `... on ${type} { ${fields} }`);

  test('returns every type through inline fragments, by node and by nodes', async () => {
    const nodeType = schema.getType('Node');
    const types = isInterfaceType(nodeType) ? schema.getPossibleTypes(nodeType).map((type) => type.name) : [];
    expect(types.toSorted()).toEqual(Object.keys(parts).toSorted());
    const ids = Object.keys(parts).map((type) => nodeId(type, 1));
    const { nodes } = await same(
      `query Q($ids: [ID!]!) { nodes(ids: $ids) { type: __typename id ${inline.join(' ')} } }`,
      {
        ids,
      },
    );
    expect(nodes.map((node: { type: string; id: string }) => [node.type, node.id])).toEqual(
      Object.keys(parts).map((type, i) => [type, ids[i]]),
    );
    for (const [i, id] of ids.entries()) {
      const single = await same(
        `query Q($id: ID!) { node(id: $id) { type: __typename id ${inline.join(' ')} } } # ${i}`,
        {
          id,
        },
      );
      expect(single.node).toEqual(nodes[i]);
      expect(Object.keys(single.node).length).toBeGreaterThan(3);
    }
  });

  test('suffices to select an id and a type name, also in a fragment on the interface', async () => {
    const id = nodeId('Order', 2);
    expect(await same(`{ node(id: "${id}") { ...N } } fragment N on Node { __typename id }`)).toEqual({
      node: { __typename: 'Order', id },
    });
  });
});
