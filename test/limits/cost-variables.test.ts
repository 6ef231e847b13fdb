import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RequestOptions } from '../support/gateway.ts';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import { askedCost, given, page } from './asked-cost.ts';

let gateway: OwnGateway;
beforeAll(async () => {
  gateway = await startOwnGateway();
});
afterAll(() => gateway.close());

const requested = async (query: string, options: RequestOptions = {}) =>
  (await askedCost(gateway, query, options)).requested;

describe('@skip and @include', () => {
  const query = `query($yes: Boolean!, $no: Boolean! = false) {
    customers(first: 10) { nodes { orders(first: 10) @include(if: $yes) @skip(if: $no) { nodes { id } } } }
  }`;
  const [whole, less] = [page(10) + 110, page(10)];

  test('leave fields out of the cost according to the value of their variable, given or by default', async () => {
    expect(await requested(query, given({ yes: true }))).toBe(whole);
    expect(await requested(query, given({ yes: false }))).toBe(less);
    expect(await requested(query, given({ yes: true, no: true }))).toBe(less);
    expect(await requested(query, given({ yes: true, no: false }))).toBe(whole);
  });

  test('are refused with a variable that has no value or a wrong one, also if only the cost is requested', async () => {
    for (const yes of [undefined, null, 'false', 0]) {
      const headers = { 'graphql-cost': 'validate' };
      const { data, errors } = await gateway.request(query, { variables: { yes }, headers });
      expect([data, errors]).toMatchObject([undefined, [{ extensions: { code: 'BAD_USER_INPUT' } }]]);
    }
  });

  test('leave fields and fragments out of the cost according to a literal', async () => {
    const asked = (directive: string) => `{ customers(first: 10) {
      nodes { ... ${directive} { a: orders(first: 10) { nodes { id } } } ...O ${directive} } } }
      fragment O on Customer { b: orders(first: 10) ${directive} { nodes { id } } }`;
    expect(await requested(asked('@skip(if: true)'))).toBe(page(10));
    expect(await requested(asked('@include(if: false)'))).toBe(page(10));
    expect(await requested(asked('@skip(if: false)'))).toBe(page(10) + 220);
    expect(await requested(asked('@include(if: true)'))).toBe(page(10) + 220);
  });

  test('leave a field out of the cost only if every selection of it is left out', async () => {
    const twice = `query($a: Boolean!, $b: Boolean!) { customers(first: 10) { nodes {
      ... @include(if: $a) { orders(first: 10) { nodes { id } } }
      ... @include(if: $b) { orders(first: 10) { nodes { items { quantity } } } } } } }`;
    const cost = (a: boolean, b: boolean) => requested(twice, given({ a, b }));
    expect(await cost(false, false)).toBe(page(10));
    expect(await cost(true, false)).toBe(whole);
    expect(await cost(false, true)).toBe(whole + 100 * 200);
    expect(await cost(true, true)).toBe(whole + 100 * 200);
  });

  test('leave out the rows of a page if they skip everything that needs these rows', async () => {
    const info =
      'query($yes: Boolean!) { customers(first: 50) { totalCount pageInfo @include(if: $yes) { endCursor } } }';
    expect((await askedCost(gateway, info, given({ yes: true }))).typeCost).toBe(page(50) + 0.1);
    expect((await askedCost(gateway, info, given({ yes: false }))).typeCost).toBe(page(0));
  });
});

describe('arguments and input objects', () => {
  const fieldCost = async (query: string, variables = {}) => (await askedCost(gateway, query, { variables })).fieldCost;

  test('weigh 1 for each given object, in literals and in variables', async () => {
    const query = 'query($f: CustomerFilter, $o: CustomerOrder) { customers(filter: $f, orderBy: $o) { totalCount } }';
    expect(await fieldCost(query)).toBe(101);
    expect(await fieldCost(query, { f: null })).toBe(101);
    expect(await fieldCost(query, { f: {}, o: { field: 'NAME' } })).toBe(103);
    expect(await fieldCost(query, { f: { tag: 'x', createdAt: {}, updatedAt: { from: null } } })).toBe(104);
    const literal = '{ customers(filter: { tag: "x", createdAt: {}, updatedAt: { from: null } }) { totalCount } }';
    expect(await fieldCost(literal)).toBe(104);
    const mixed = `query($c: DateTimeRange) {
      customers(filter: { createdAt: $c, updatedAt: null }, orderBy: null) { totalCount }
    }`;
    expect(await fieldCost(mixed)).toBe(102);
    expect(await fieldCost(mixed, { c: {} })).toBe(103);
  });

  test('of a mutation are added to the weight of the mutation', async () => {
    const query = 'mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { customer { id } } }';
    expect(await fieldCost(query, { input: { name: 'A' } })).toBe(12);
    const addresses = [{ line1: 'a' }, { line1: 'b' }];
    expect(await fieldCost(query, { input: { name: 'A', phone: { number: '1' }, addresses } })).toBe(14);
  });
});
