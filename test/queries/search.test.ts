import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { array, asyncProperty, constantFrom, assert, integer } from 'fast-check';
import { verifyDatabase } from '../../src/data/verify/verify-database.ts';
import { customerOf, rowOf, startWritingGateway, type WritingGateway } from '../mutations/writing-gateway.ts';

interface Page {
  readonly nodes: readonly { readonly id: string; readonly name: string; readonly phone: string | null }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly hasPreviousPage: boolean; readonly endCursor: string };
  readonly totalCount: number;
}

let gateway: WritingGateway;
beforeAll(async () => {
  gateway = await startWritingGateway();
  // The seeded ones would be among what is found.
  await gateway.sql('DELETE FROM customer_search_terms');
  await gateway.sql("UPDATE customers SET name = '#', phone = NULL");
});
afterAll(() => gateway.close());

/** All customers that a search finds, in its order, page by page. */
async function found(text: string, first = 2): Promise<Page['nodes']> {
  const query = `query($text: String!, $first: Int!, $after: String) {
    searchCustomers(text: $text, first: $first, after: $after) {
      totalCount pageInfo { hasNextPage hasPreviousPage endCursor } nodes { id name phone } } }`;
  const nodes: Page['nodes'][number][] = [];
  for (let after: string | null = null; ;) {
    const page: Page = (await gateway.data(query, { text, first, after })).searchCustomers;
    expect(page.pageInfo.hasPreviousPage).toBe(after !== null);
    nodes.push(...page.nodes);
    if (!page.pageInfo.hasNextPage) {
      expect({ text, total: page.totalCount }).toEqual({ text, total: nodes.length });
      return nodes;
    }
    after = page.pageInfo.endCursor;
  }
}

const namesOf = async (text: string): Promise<string[]> => (await found(text)).map(({ name }) => name);

const create = async (name: string, rest: object = {}): Promise<string> =>
  customerOf(await gateway.create({ name, ...rest })).id;

/** What `npm run verify` says of search terms. */
async function drifts(): Promise<readonly string[]> {
  const { counts } = await verifyDatabase({ databaseUrl: gateway.databaseUrl });
  return [...counts.keys()].filter((kind) => kind.startsWith('customer_search_terms'));
}

describe('searchCustomers', () => {
  const NAMES = [
    ...['John Smith', 'Smith', 'Johnny Smithers', 'Anna Smith-Jones', 'Smithson', 'Goldsmith', 'John Paul Smith'],
    ...['张伟', '王张伟明', '李伟', '株式会社ミュラー', 'ミュラー', 'Hans Müller', 'Jürgen Weiß', 'Anna Hanna Annabel'],
    ...['محمد علي', 'Ольга Иванова', 'กมลวรรณ ใจดี', "Sinéad O'Neil", '🎁 Gifts & Co', 'Studio 5430', 'İpek Yılmaz'],
  ];
  beforeAll(async () => {
    for (const name of NAMES) await create(name);
  });

  test.each([
    ['ohn sm', ['John Smith', 'John Paul Smith', 'Johnny Smithers']],
    ['OHN  SM', ['John Smith', 'John Paul Smith', 'Johnny Smithers']],
    ['张伟', ['张伟', '王张伟明']],
    ['伟', ['张伟', '李伟', '王张伟明']],
    ['ミュラー', ['ミュラー', '株式会社ミュラー']],
    ['みゅら', ['ミュラー', '株式会社ミュラー']],
    ['ﾐｭﾗｰ', ['ミュラー', '株式会社ミュラー']],
    ['会社', ['株式会社ミュラー']],
    ['ULLE', ['Hans Müller']],
    ['mu\u0308ll', ['Hans Müller']],
    ['eiss', ['Jürgen Weiß']],
    ['علي', ['محمد علي']],
    ['ванов', ['Ольга Иванова']],
    ['ใจดี', ['กมลวรรณ ใจดี']],
    ["d o'n", ["Sinéad O'Neil"]],
    ['neil', ["Sinéad O'Neil"]],
    ['gift', ['🎁 Gifts & Co']],
    ['yil', []],
    ['yıl', ['İpek Yılmaz']],
    // A customer with several matches is there once, at the place of the best.
    ['ann', ['Anna Hanna Annabel', 'Anna Smith-Jones']],
    ['anna', ['Anna Hanna Annabel', 'Anna Smith-Jones']],
    ['nna', ['Anna Hanna Annabel', 'Anna Smith-Jones']],
  ])('finds any part of a name, the best match first: %j', async (text, expected) => {
    expect(await namesOf(text)).toEqual(expected);
  });

  test('lists names that begin with the text, then those with a word that does, then all others', async () => {
    // Each by what the match is the beginning of, and equal ones in the order in which they were created.
    expect(await namesOf('smith')).toEqual([
      ...['Smith', 'Smithson'],
      ...['John Smith', 'John Paul Smith', 'Anna Smith-Jones', 'Johnny Smithers'],
      'Goldsmith',
    ]);
    expect(await namesOf('mit')).toHaveLength(7);
  });

  test.each([
    ['smith john', ['John Paul Smith', 'John Smith', 'Johnny Smithers']],
    ['john smith', ['John Smith', 'John Paul Smith', 'Johnny Smithers']],
    ['paul john', ['John Paul Smith']],
    ['jones anna', ['Anna Smith-Jones']],
    ['иванова ольга', ['Ольга Иванова']],
    ['john nobody', []],
    ['smith paul john', ['John Paul Smith']],
  ])('finds several words in any order, those next to each other first: %j', async (text, expected) => {
    expect(await namesOf(text)).toEqual(expected);
  });

  test('finds any four digits of a telephone number, as people write them', async () => {
    await create('Berlin', { phone: { number: '+4930123456' } });
    await create('Elsewhere', { phone: { number: '+12025550199' } });
    for (const text of [
      '030 123456',
      '0049 30 123456',
      '+49 30 123',
      '0123',
      '3456',
      '30-123',
      '(030) 12 34',
      '12 34 56',
    ])
      expect({ text, names: await namesOf(text) }).toEqual({ text, names: ['Berlin'] });
    expect(await namesOf('550199')).toEqual(['Elsewhere']);
    // The digits before the plus sign's number are not its start.
    expect(await namesOf('+3012')).toEqual([]);
    expect(await namesOf('345')).toEqual([]);
  });
});

describe('what searchCustomers finds follows every write', () => {
  test('of a name and a telephone number', async () => {
    const id = await create('Before Zwischen', { phone: { number: '+4930555123' } });
    expect((await found('wisch')).map((one) => one.id)).toEqual([id]);
    await gateway.update({ id, name: 'After Zwuschen' });
    expect([await found('wisch'), (await found('wusch')).map((one) => one.id)]).toEqual([[], [id]]);
    expect((await found('5551')).map((one) => one.id)).toEqual([id]);
    await gateway.update({ id, phone: { number: '+4930666123' } });
    expect([await found('5551'), (await found('6661')).map((one) => one.id)]).toEqual([[], [id]]);
    await gateway.update({ id, phone: null });
    expect(await found('6661')).toEqual([]);
    await gateway.remove({ id });
    expect(await found('wusch')).toEqual([]);
    expect(await gateway.sql('SELECT * FROM customer_search_terms WHERE customer_id = ?', [rowOf(id)])).toEqual([]);
  });

  test('and a merge: the kept customer takes over the number, and the merged one is not found', async () => {
    const kept = await create('Kept Xylander');
    const merged = await create('Merged Xylofon', { phone: { number: '+4930777123' } });
    await gateway.merge({ keepId: kept, mergeId: merged });
    expect((await found('xylo')).map((one) => one.id)).toEqual([]);
    expect((await found('7771')).map((one) => one.id)).toEqual([kept]);
  });

  test('by other programs too, as far as names begin with the text, and as a whole after a repair', async () => {
    const id = await create('Quorum Ltd');
    await gateway.sql("UPDATE customers SET name = 'Zebra Quilt', version = version WHERE id = ?", [rowOf(id)]);
    // The cache is told nothing of this.
    await create('Something else');
    expect(await found('uorum')).toEqual([]);
    expect((await found('zebra')).map((one) => one.id)).toEqual([id]);
    expect(await found('ebra')).toEqual([]);
    expect(await drifts()).toEqual(['customer_search_terms.rows']);
    await verifyDatabase({ databaseUrl: gateway.databaseUrl, repairs: true });
    expect(await drifts()).toEqual([]);
    await create('Something else again');
    expect((await found('ebra')).map((one) => one.id)).toEqual([id]);
  });
});

test('for any names and texts, searchCustomers finds exactly the names that contain the text, each once', async () => {
  await gateway.sql('DELETE FROM customers');
  await gateway.sql('DELETE FROM customer_search_terms');
  const piece = constantFrom('a', 'b', 'ab', 'ba', ' ', '张', '伟');
  const text = array(piece, { minLength: 1, maxLength: 6 }).map((pieces) =>
    pieces.join('').trim().replaceAll(/ +/g, ' '),
  );
  const stored = new Map<string, string>();
  await assert(
    asyncProperty(
      text.filter((one) => one !== ''),
      text.filter((one) => one !== ''),
      integer({ min: 1, max: 5 }),
      async (name, asked, first) => {
        stored.set(await create(name), name);
        const words = asked.split(' ');
        const expected = [...stored].filter(([, one]) => words.every((word) => one.includes(word)));
        const nodes = await found(asked, first);
        expect({ asked, ids: nodes.map(({ id }) => id).toSorted() }).toEqual({
          asked,
          ids: expected.map(([id]) => id).toSorted(),
        });
        const places = nodes.map((node) => placeOf(node.name, asked));
        expect({ asked, places }).toEqual({ asked, places: places.toSorted((a, b) => a - b) });
      },
    ),
    { numRuns: 60 },
  );
  expect(await drifts()).toEqual([]);
});

/** 0 at the start of a name, 1 at that of a word, 2 within one, 3 for words elsewhere. */
function placeOf(name: string, asked: string): number {
  if (name.startsWith(asked)) return 0;
  if (name.includes(` ${asked}`)) return 1;
  return name.includes(asked) ? 2 : 3;
}
