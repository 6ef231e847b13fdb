import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { cursorTools, inClear, type CursorTools } from '../support/cursors.ts';
import type { Answer } from '../support/gateway.ts';
import { LISTS, listDocument, listNamed, listVariables, type List, type ListPage } from '../support/lists.ts';
import { nodeId, startSeededGateway, type SeededGateway } from '../support/seeded.ts';

let gateway: SeededGateway;
let tools: CursorTools;
beforeAll(async () => {
  gateway = await startSeededGateway(60);
  tools = await cursorTools(gateway.databaseUrl);
});
afterAll(() => gateway.close());

const selection = 'edges { cursor } pageInfo { hasNextPage hasPreviousPage }';

const ask = (list: List, given: Record<string, unknown>): Promise<Answer> =>
  gateway.request(listDocument(list, selection), { variables: listVariables(list, { parents: [1], ...given }) });

/** The first entry's cursor for each of the first parents that have one; one cursor for a list without parents. */
async function cursorsByParent(list: List, given: Record<string, unknown> = {}) {
  const parents = list.parent?.type === 'Agent' ? [1, 2, 3] : Array.from({ length: 18 }, (_, i) => i + 1);
  const variables = listVariables(list, { parents, first: 1, ...given });
  const answer = await gateway.data(listDocument(list, selection), variables);
  const pages: ListPage[] =
    list.parent === undefined
      ? [answer[list.field]]
      : answer.nodes.map((node: Record<string, ListPage>) => node[list.field]);
  return pages.flatMap((page, i) => page.edges.map(({ cursor }) => ({ parent: parents[i] ?? 0, cursor })));
}

/** A cursor from a list. */
async function cursorFrom(list: List, given: Record<string, unknown> = {}): Promise<string> {
  const [first] = await cursorsByParent(list, given);
  if (first === undefined) throw new Error(`${list.name} has no entry`);
  return first.cursor;
}

function expectRefused(answer: Answer, argument: string, naming: string): void {
  expect(answer.errors.map((error) => error.extensions.code)).toEqual(['BAD_USER_INPUT']);
  expect(answer.errors[0]?.message).toMatch(new RegExp(`^Argument "${argument}": `));
  expect(answer.errors[0]?.message).toContain(naming);
  expect(answer.errors[0]?.message.length).toBeLessThan(200);
  expect(answer.status).toBeLessThan(500);
}

const customers = listNamed('Query.customers');
const tickets = listNamed('Query.tickets');
const byName = { orderBy: { field: 'NAME' } };
const byClosing = { orderBy: { field: 'CLOSED_AT' } };

describe.each(['after', 'before'])('a cursor given as %s is refused', (argument) => {
  const bytes = (given: string | readonly number[]) => Buffer.from(given as string).toString('base64url');
  const partsOf = (value: string) => [2, 'Query.customers', 'NAME ASC', 'x', value, '1'];
  test.each<[string, () => string]>([
    ['empty', () => ''],
    ['not base64', () => '!!!'],
    ['in the alphabet of ordinary base64', () => 'ab+/='],
    ['base64 of something else', () => bytes('hello')],
    ['base64 of JSON that is not a list', () => inClear({ a: 1 })],
    ['base64 of too short a list', () => inClear([1, 2, 3])],
    ['base64 of too long a list', () => inClear([1, 2, 3, 4, 5, 6, 7])],
    ['base64 of null', () => inClear(null)],
    ['encrypted JSON that is not a list', () => tools.of({ a: 1 })],
    ['an encrypted list that is too short', () => tools.of([1, 2, 3])],
    ['an encrypted list that is too long', () => tools.of([1, 2, 3, 4, 5, 6, 7])],
    ['an encrypted null', () => tools.of(null)],
    ['not UTF-8 within', () => bytes([0xff, 0xfe, 0xfd])],
    ['as long as a tag', () => bytes(Array.from({ length: 16 }, () => 7))],
    ['huge', () => 'A'.repeat(100_000)],
    ['huge and well-formed', () => tools.of(partsOf('n'.repeat(100_000)))],
    ['one from before cursors were encrypted', () => inClear(partsOf('n'))],
    ['white space around', () => ' e30 '],
  ])('if it is %s', async (_, make) => {
    expectRefused(await ask(customers, { [argument]: make() }), argument, 'expected a cursor from this list, got "');
  });

  test('if it is cut short anywhere', async () => {
    const cursor = await cursorFrom(customers);
    for (const length of [1, 10, cursor.length - 5, cursor.length - 1])
      expectRefused(await ask(customers, { [argument]: cursor.slice(0, length) }), argument, 'expected a cursor');
  });

  test.each(LISTS.map((list) => [list.name, list] as const))('if it is from another list than %s', async (_, list) => {
    const other = list.name === 'Query.customers' ? listNamed('Query.agents') : customers;
    expectRefused(await ask(list, { [argument]: await cursorFrom(other) }), argument, 'from another list');
  });

  test.each(LISTS.filter((list) => list.parent !== undefined).map((list) => [list.name, list] as const))(
    'if it is from another parent of %s',
    async (_, list) => {
      const [one, other] = await cursorsByParent(list);
      if (one === undefined || other === undefined) throw new Error(`too few parents in ${list.name} have entries`);
      expect((await ask(list, { parents: [one.parent], [argument]: one.cursor })).errors).toEqual([]);
      expectRefused(
        await ask(list, { parents: [other.parent], [argument]: one.cursor }),
        argument,
        'from another list',
      );
    },
  );

  test('if it is from a list with another filter, or with none', async () => {
    const active = { filter: { status: ['ACTIVE'] } };
    const cursors = [await cursorFrom(customers), await cursorFrom(customers, active)];
    expectRefused(
      await ask(customers, { ...active, [argument]: cursors[0] }),
      argument,
      'from another list, parent or filter',
    );
    expectRefused(await ask(customers, { [argument]: cursors[1] }), argument, 'from another list, parent or filter');
    const lead = { filter: { status: ['ACTIVE', 'LEAD'] } };
    expectRefused(
      await ask(customers, { ...lead, [argument]: cursors[1] }),
      argument,
      'from another list, parent or filter',
    );
  });

  test('if it is from a list with another order or direction', async () => {
    const cursor = await cursorFrom(customers, byName);
    const naming = 'expected a cursor for the order NAME DESC, got one for "NAME ASC"';
    const turned = { orderBy: { field: 'NAME', direction: 'DESC' } };
    expectRefused(await ask(customers, { ...turned, [argument]: cursor }), argument, naming);
    expectRefused(await ask(customers, { [argument]: cursor }), argument, 'for the order CREATED_AT DESC');
  });

  test('if it is from another version', async () => {
    const [, ...rest] = tools.parts(await cursorFrom(customers));
    for (const version of [0, 1, 3, '2', null])
      expectRefused(await ask(customers, { [argument]: tools.of([version, ...rest]) }), argument, 'another version');
  });

  test('if its value cannot be in the column that it sorts by, or its id is not an id', async () => {
    const forge = async (list: List, given: Record<string, unknown>, [value, rowId]: [unknown, unknown]) => {
      const parts = tools.parts(await cursorFrom(list, given)).slice(0, 4);
      return ask(list, { ...given, [argument]: tools.of([...parts, value, rowId]) });
    };
    const naming = 'expected a cursor from this list';
    const notMoments = [
      ...[5, true, [], {}, '', 'yesterday', '2024-01-01', '2024-01-01T00:00:00Z', '2024-13-01T00:00:00.000Z'],
      ...['2024-02-30T00:00:00.000Z', '2023-02-29T00:00:00.000Z', '2024-01-01T24:00:00.000Z', "2024-01-01' OR '1'='1"],
    ];
    for (const value of [...notMoments, null])
      expectRefused(await forge(customers, {}, [value, '1']), argument, naming);
    for (const value of notMoments) expectRefused(await forge(tickets, byClosing, [value, '1']), argument, naming);
    for (const value of [null, 5, true, ['a'], { a: 1 }])
      expectRefused(await forge(customers, byName, [value, '1']), argument, naming);
    for (const rowId of ['0', '-1', '01', '1.5', 'x', '', '9223372036854775808', '1 OR 1=1', 1, null, [1], {}])
      expectRefused(await forge(customers, byName, ['n', rowId]), argument, naming);
  });
});

describe('a cursor is accepted', () => {
  test('with any value that its column can have, for a row that never existed', async () => {
    for (const [list, given, value] of [
      [customers, {}, '0000-01-01T00:00:00.000Z'],
      [customers, {}, '9999-12-31T23:59:59.999Z'],
      [tickets, byClosing, null],
      [customers, byName, ''],
      [customers, byName, "'; DROP TABLE customers; --"],
      [customers, byName, '\u0000\u{1F600}\uD800'],
      [customers, byName, 'n'.repeat(1_000)],
    ] as const) {
      const parts = tools.parts(await cursorFrom(list, given)).slice(0, 4);
      for (const rowId of ['1', '9223372036854775807'])
        for (const argument of ['after', 'before']) {
          const answer = await ask(list, { ...given, [argument]: tools.of([...parts, value, rowId]) });
          expect({ value, argument, errors: answer.errors }).toEqual({ value, argument, errors: [] });
        }
    }
  });

  test('with the longest possible name', async () => {
    const created = await gateway.data(
      'mutation C($name: String!) { createCustomer(input: { name: $name }) { customer { id } userErrors { message } } }',
      { name: '\u{1F600}'.repeat(100) },
    );
    expect(created.createCustomer.userErrors).toEqual([]);
    const page = { ...byName, filter: { nameStartsWith: '\u{1F600}\u{1F600}' } };
    const cursor = await cursorFrom(customers, page);
    expect((await ask(customers, { ...page, after: cursor })).data.customers.edges).toEqual([]);
    expect(nodeId('Customer', 61)).toBe(created.createCustomer.customer.id);
  });

  test('from a search, only for the same search', async () => {
    const query =
      'query S($t: String!, $a: String) { searchCustomers(text: $t, first: 1, after: $a) { edges { cursor } } }';
    const search = (t: string, a: string | null) => gateway.request(query, { variables: { t, a } });
    const { data } = await search('a', null);
    const { cursor } = data.searchCustomers.edges[0];
    expect((await search('a', cursor)).errors).toEqual([]);
    for (const other of ['b', 'a@', '4930']) expectRefused(await search(other, cursor), 'after', 'cursor');
  });
});

describe('a cursor that a client made up', () => {
  /** In clear, and encrypted as if it were from the gateway. */
  const both = (parts: unknown) => fc.boolean().map((isClear) => (isClear ? inClear(parts) : tools.of(parts)));
  const anything = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ maxLength: 60 }).map((raw) => Buffer.from(raw).toString('base64url')),
    fc.json().chain((json) => both(JSON.parse(json))),
    fc.array(fc.jsonValue({ maxDepth: 1 }), { minLength: 6, maxLength: 6 }).chain(both),
  );
  const parts = fc.tuple(
    fc.constantFrom(customers, tickets),
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.jsonValue({ maxDepth: 1 }),
      fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    ),
    fc.oneof(fc.bigInt({ min: -2n, max: 2n ** 64n }).map(String), fc.jsonValue({ maxDepth: 1 })),
    fc.constantFrom(byName, byClosing, {}),
  );

  async function expectPageOrRefusal(answer: Answer): Promise<void> {
    const codes = answer.errors.map((error) => error.extensions.code);
    expect(codes).toEqual(codes.length === 0 ? [] : ['BAD_USER_INPUT']);
    expect(answer.status).toBeLessThan(500);
    expect(codes.length === 0).toBe(answer.data !== null && answer.data !== undefined);
  }

  test('is BAD_USER_INPUT', async () => {
    const property = fc.asyncProperty(anything, fc.constantFrom('after', 'before'), async (cursor, argument) => {
      await expectPageOrRefusal(await ask(customers, { [argument]: cursor }));
    });
    await fc.assert(property, { numRuns: 150 });
  });

  test('is BAD_USER_INPUT, or gives a page if its list, filter and order are right', async () => {
    const givens = new Map<string, string>();
    const property = fc.asyncProperty(
      parts,
      fc.constantFrom('after', 'before'),
      async ([list, value, rowId, asked], argument) => {
        const given =
          list === customers && asked === byClosing ? byName : list === tickets && asked === byName ? byClosing : asked;
        const key = `${list.name} ${JSON.stringify(given)}`;
        const cursor = givens.get(key) ?? (await cursorFrom(list, given));
        givens.set(key, cursor);
        const forged = tools.of([...tools.parts(cursor).slice(0, 4), value, rowId]);
        await expectPageOrRefusal(await ask(list, { ...given, [argument]: forged }));
      },
    );
    await fc.assert(property, { numRuns: 150 });
  });
});
