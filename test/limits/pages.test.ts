import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PATIENT, startGateway, type Answer } from '../support/gateway.ts';
import { LISTS, listDocument, listVariables, type List } from '../support/lists.ts';
import { startSeededGateway, type SeededGateway } from '../support/seeded.ts';

let gateway: SeededGateway;
beforeAll(async () => {
  gateway = await startSeededGateway(120);
});
afterAll(() => gateway.close());

const entries = (list: List) => (list.type === 'Change' ? 'nodes { version }' : 'nodes { id }');
const lists = LISTS.map((list) => [list.name, list] as const);

async function ask(list: List, page: Record<string, unknown>): Promise<Answer> {
  // Twice: with a new plan, then with the kept one.
  const request = () =>
    gateway.request(listDocument(list, entries(list)), { variables: listVariables(list, { parents: [1], ...page }) });
  await request();
  return request();
}

const refusals = ({ errors }: Answer) => errors.map((error) => [error.extensions.code, error.message]);

describe.each(lists)('%s', (_, list) => {
  test('refuses a size outside the bounds and says what they are', async () => {
    for (const argument of ['first', 'last'])
      for (const size of [0, -1, 101, 1_000_000_000])
        expect(refusals(await ask(list, { [argument]: size }))).toEqual([
          ['BAD_USER_INPUT', `Argument "${argument}": expected 1 to 100, got ${size}.`],
        ]);
  });

  test('refuses arguments that contradict one another and names both', async () => {
    for (const [a, b, page] of [
      ['first', 'last', { first: 5, last: 5 }],
      ['after', 'last', { after: 'x', last: 5 }],
      ['before', 'first', { before: 'x', first: 5 }],
      ['after', 'before', { after: 'x', before: 'x' }],
    ] as const)
      expect(refusals(await ask(list, page))).toEqual([
        ['BAD_USER_INPUT', `Arguments "${a}" and "${b}": expected at most one of them, got both.`],
      ]);
  });

  test('accepts 1 and 100, and null as not given', async () => {
    for (const page of [{ first: 1 }, { first: 100 }, { last: 1 }, { last: 100 }])
      expect(refusals(await ask(list, page))).toEqual([]);
    const plain = await ask(list, {});
    expect((await ask(list, { first: null, after: null, last: null, before: null })).data).toEqual(plain.data);
    expect((await ask(list, { first: null, last: 20, after: null })).errors).toEqual([]);
    expect((await ask(list, { first: 20 })).data).toEqual(plain.data);
  });
});

describe('a page', () => {
  test('has 20 entries if neither first nor last is given, and never more than requested', async () => {
    const query =
      '{ a: customers { nodes { id } } b: customers(first: 100) { nodes { id } } c: customers(last: 3) { nodes { id } } }';
    const { a, b, c } = await gateway.data(query);
    expect([a, b, c].map((page) => page.nodes.length)).toEqual([20, 100, 3]);
  });

  test('of a search is bounded too', async () => {
    const query = (first: number) => `{ searchCustomers(text: "a", first: ${first}) { nodes { id } } }`;
    for (const first of [0, -1, 101])
      expect(refusals(await gateway.request(query(first)))).toEqual([
        ['BAD_USER_INPUT', `Argument "first": expected 1 to 100, got ${first}.`],
      ]);
    expect(refusals(await gateway.request(query(100)))).toEqual([]);
  });

  test('that is refused leaves the rest of the result as it is, and the error has its path', async () => {
    const { data, errors } = await gateway.request(
      '{ agents(first: 1) { nodes { id } } customer(by: { externalId: "C-00000001" }) { name orders(first: 101) { totalCount } } }',
    );
    expect(errors.map((error) => error.path)).toEqual([['customer', 'orders']]);
    expect(data.customer).toBeNull();
    expect(data.agents.nodes.length).toBe(1);
  });

  test('that is refused because of an argument of the wrong kind has an error that names the variable', async () => {
    for (const first of [1.5, '5', 3_000_000_000, [5, 6], {}]) {
      const { errors, status } = await gateway.request(
        'query Q($first: Int) { agents(first: $first) { totalCount } }',
        {
          variables: { first },
        },
      );
      expect(errors.map((error) => error.extensions.code)).toEqual(['BAD_USER_INPUT']);
      expect(errors[0]?.message).toContain('"$first"');
      expect(status).toBeLessThan(500);
    }
  });

  test('is limited by LIMIT_PAGE_SIZE_MAX, and has LIMIT_PAGE_SIZE_DEFAULT entries by default', async () => {
    const settings = { ...PATIENT, LIMIT_PAGE_SIZE_MAX: '7', LIMIT_PAGE_SIZE_DEFAULT: '3' };
    const small = await startGateway({ databaseUrl: gateway.databaseUrl, settings });
    try {
      expect((await small.data('{ customers { nodes { id } } }')).customers.nodes.length).toBe(3);
      expect((await small.data('{ customers(last: 7) { nodes { id } } }')).customers.nodes.length).toBe(7);
      expect(refusals(await small.request('{ customers(first: 8) { nodes { id } } }'))).toEqual([
        ['BAD_USER_INPUT', 'Argument "first": expected 1 to 7, got 8.'],
      ]);
    } finally {
      await small.close();
    }
  });
});
