import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { array, assert, asyncProperty, constantFrom, integer, record } from 'fast-check';
import { foldCase, hasWeight } from '../../src/crm/collation.ts';
import { customerConditions, parseSearchText } from '../../src/crm/customer/filter.ts';
import { normaliseText } from '../../src/crm/text.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';

const COLLATION = 'utf8mb4_unicode_520_ci';

/** Letters that are equal or nearly equal to the collation, and characters that it ignores. */
const PIECES = [
  ...['s', 'ß', 'SS', 'ſ', 'a', 'æ', 'Æ', 'AE', 'á', 'Å', 'A\u030a', 'o', 'ø', 'đ', 'd', 'ŀ', 'l·', 'ı', 'I', 'İ', 'i'],
  ...['か', 'ガ', 'が', 'カ', 'ｶ', 'ｶﾞ', 'か\u3099', 'ゃ', 'や', 'ー', '한', '\u1112\u1161\u11ab', '국', 'ㅎ'],
  ...[
    'م',
    'مُ',
    'مّ',
    'ـ',
    'ﷺ',
    'ه',
    'ة',
    'ש',
    'שׁ',
    'שָ',
    'ם',
    'מ',
    'σ',
    'ς',
    'Σ',
    'ά',
    'α',
    'ж',
    'Ж',
    'ё',
    'е',
    'й',
    'и',
  ],
  ...[
    'हिं',
    'हि',
    'ह',
    'क़',
    'क',
    'เก',
    'ก',
    'ขั้น',
    'ข',
    '张',
    '張',
    '伟',
    '\u{20000}',
    '🎁',
    '👩\u200d👧',
    '👩',
    '❤\ufe0f',
    '❤',
  ],
  ...[
    'ﬁ',
    'fi',
    'ǆ',
    'dž',
    '１',
    '1',
    '①',
    'Ａ',
    '½',
    '1⁄2',
    ' ',
    '\u00a0',
    '-',
    '\t',
    '\n',
    '.',
    '%',
    '_',
    '\ufffd',
    '\u0301',
    '\u064e',
  ],
];

describe('the names that begin with a text', () => {
  let database: TestDatabase;
  let gateway: TestGateway;
  beforeAll(async () => {
    database = await createDatabase();
    gateway = await startGateway({ databaseUrl: database.url, settings: { ...PATIENT, CACHE_ENABLED: 'false' } });
  });
  afterAll(async () => {
    await gateway.close();
    await database.drop();
  });

  async function found(nameStartsWith: string, order: { field: string; direction: string }): Promise<string[]> {
    const query =
      'query Q($f: CustomerFilter, $o: CustomerOrder) { customers(first: 100, filter: $f, orderBy: $o) { nodes { name } totalCount } }';
    const { customers } = await gateway.data(query, { f: { nameStartsWith }, o: order });
    expect(customers.totalCount).toBe(customers.nodes.length);
    return customers.nodes.map(({ name }: { name: string }) => name);
  }

  test('are those whose weights begin with the weights of the text, whatever the text', async () => {
    await withConnection(database.url, async (sql) => {
      const pieces = array(constantFrom(...PIECES), { minLength: 1, maxLength: 7 });
      const names = array(pieces, { minLength: 60, maxLength: 90 });
      const starts = array(
        record({ row: integer({ min: 0, max: 59 }), length: integer({ min: 1, max: 4 }), more: pieces }),
        {
          minLength: 40,
          maxLength: 40,
        },
      );
      const property = asyncProperty(names, starts, async (rows, asked) => {
        await sql.query('DELETE FROM customers');
        await sql.batch(
          'INSERT INTO customers (id, name, created_at, updated_at) VALUES (?, ?, NOW(3), NOW(3))',
          rows.map((row, i) => [i + 1, row.join('')]),
        );
        for (const { row, length, more } of asked) {
          const start = normaliseText([...(rows[row] ?? []).slice(0, length), ...more.slice(6)].join('')).trim();
          if (!hasWeight(start)) continue;
          const weights = `HEX(WEIGHT_STRING(CONVERT(? USING utf8mb4) COLLATE ${COLLATION}))`;
          const expected = await sql.query<{ name: string }[]>(
            `SELECT name FROM customers WHERE HEX(WEIGHT_STRING(name)) LIKE CONCAT(${weights}, '%') ORDER BY name, id`,
            [start],
          );
          const inOrder = await found(start, { field: 'NAME', direction: 'ASC' });
          expect({ start, inOrder }).toEqual({ start, inOrder: expected.map(({ name }) => name) });
          const newest = await found(start, { field: 'CREATED_AT', direction: 'DESC' });
          expect({ start, names: newest.toSorted() }).toEqual({ start, names: inOrder.toSorted() });
        }
      });
      await assert(property, { numRuns: 8 });
    });
  });
});

test('hasWeight agrees with the server on every character', async () => {
  const { url, drop } = await createDatabase();
  const differing = await withConnection(url, async (sql) => {
    const wrong: string[] = [];
    for (let from = 0; from < 0x11_0000; from += 0x800) {
      // Surrogate halves are not text.
      const codes = Array.from({ length: 0x800 }, (_, i) => from + i).filter((code) => code < 0xd800 || code > 0xdfff);
      if (codes.length === 0) continue;
      const marks = codes.map((code) => `WEIGHT_STRING(_utf8mb4 X'${hexOf(code)}' COLLATE ${COLLATION}) <> ''`);
      const [row = []] = await sql.query<(number | bigint)[][]>({ sql: `SELECT ${marks.join()}`, rowsAsArray: true });
      for (const [i, code] of codes.entries())
        if (hasWeight(String.fromCodePoint(code)) !== (Number(row[i]) === 1)) wrong.push(code.toString(16));
    }
    return wrong;
  });
  await drop();
  expect(differing).toEqual([]);
});

test('foldCase lower-cases exactly the capitals that are equal to their small letters on the server', async () => {
  const { url, drop } = await createDatabase();
  const capitals = Array.from({ length: 0x2_0000 }, (_, code) => String.fromCodePoint(code)).filter(
    (character) => !/\p{Cs}/u.test(character) && character.toLowerCase() !== character,
  );
  expect(capitals.length).toBeGreaterThan(1_000);
  const wrong: string[] = [];
  await withConnection(url, async (sql) => {
    const weight = `WEIGHT_STRING(CONVERT(? USING utf8mb4) COLLATE ${COLLATION})`;
    for (let from = 0; from < capitals.length; from += 200) {
      const some = capitals.slice(from, from + 200);
      const [row = []] = await sql.query<(number | bigint)[][]>(
        { sql: `SELECT ${some.map(() => `${weight} = ${weight}`).join()}`, rowsAsArray: true },
        some.flatMap((capital) => [capital, capital.toLowerCase()]),
      );
      for (const [i, capital] of some.entries())
        if ((foldCase(capital) !== capital) !== (Number(row[i]) === 1)) wrong.push(capital);
    }
  });
  await drop();
  expect(wrong).toEqual([]);
});

test('a character that is invisible, or that the server ignores, cannot be searched or filtered by alone', () => {
  const taken: string[] = [];
  for (let code = 0; code < 0x11_0000; code += 1) {
    const character = String.fromCodePoint(code);
    const hides = /[\p{Default_Ignorable_Code_Point}\p{White_Space}\p{Cc}\u2800]/u.test(character);
    if (!hides && hasWeight(character)) continue;
    // Between spaces, and behind a mark that the server ignores.
    for (const given of [character, ` ${character}\u00a0${character} `, `\u0301${character}`]) {
      const text = normaliseText(given);
      for (const ask of [
        () => parseSearchText(text),
        () => customerConditions({ nameStartsWith: text }),
        () => customerConditions({ tag: text }),
      ])
        if (!isRefused(ask)) taken.push(`${code.toString(16)}: ${JSON.stringify(text)}`);
    }
  }
  expect(taken).toEqual([]);
});

function isRefused(ask: () => unknown): boolean {
  try {
    ask();
    return false;
  } catch (error) {
    expect(error).toMatchObject({
      code: 'BAD_USER_INPUT',
      message: expect.stringMatching(/^Argument ".*": expected /),
    });
    return true;
  }
}

const hexOf = (code: number): string => Buffer.from(String.fromCodePoint(code)).toString('hex');
