import { afterEach, describe, expect, test } from '@jest/globals';
import {
  cleanUpImports,
  customers,
  folderOf,
  freshDatabase,
  importFrom,
  mappingOf,
  orderItems,
  orders,
} from './import-run.ts';
import { query } from './table-contents.ts';

afterEach(cleanUpImports);

const fields = { externalId: 'id', name: 'name' };

const notes = {
  externalId: 'id',
  customer: 'id',
  kind: { constant: 'NOTE' },
  body: 'name',
  occurredAt: { constant: '2024-01-01' },
};

/** Imports the names of one file as bodies, which may have several lines; returns them and the number of rejected rows. */
async function namesOf(content: string | Buffer, csv: object) {
  const url = await freshDatabase();
  const folder = await folderOf({ 'c.csv': content });
  const targets = {
    customers: { file: 'c.csv', csv, fields: { externalId: 'id', name: { constant: 'Any' } } },
    interactions: { file: 'c.csv', csv, fields: notes },
  };
  const { counts } = await importFrom(url, folder, { name: 'test', targets });
  const rows = await query(url, 'SELECT body FROM interactions ORDER BY external_id');
  return { names: rows.map((row) => row['body']), rejected: counts['interactions']?.[4] };
}

const refusal = async (content: string | Buffer, csv: object): Promise<unknown> => {
  const folder = await folderOf({ 'c.csv': content });
  const mapping = { name: 'test', targets: { customers: { file: 'c.csv', csv, fields } } };
  return importFrom('mysql://unused/unused', folder, mapping).catch((error: unknown) => error);
};

describe('a file is read as the program that wrote it meant it', () => {
  test.each<[string, object, string, readonly string[]]>([
    [
      'MySQL’s OUTFILE in quotes',
      { escape: '\\' },
      'id,name\n"1","C:\\\\temp"\n"2","a \\"b\\" c"\n"3","two\\\nlines"\n"4","ends in \\\\"\n"5","tab\\tx"\n"6","a ""b"""\n',
      ['C:\\temp', 'a "b" c', 'two\nlines', 'ends in \\', 'tab\tx', 'a "b"'],
    ],
    [
      'MySQL’s OUTFILE without quotes',
      { delimiter: '\t', quote: '', escape: '\\' },
      'id\tname\n1\tC:\\\\temp\n2\ta\\\tb\n3\ttwo\\\nlines\n4\t"x"\n5\t\\\\N\n',
      ['C:\\temp', 'a\tb', 'two\nlines', '"x"', '\\N'],
    ],
    [
      'RFC 4180',
      {},
      'id,name\r\n1,"a ""b"", c"\r\n2,"two\r\nlines"\r\n3,in "the" middle\r\n4,"C:\\temp"',
      ['a "b", c', 'two\r\nlines', 'in "the" middle', 'C:\\temp'],
    ],
    ['Excel with its sep line', {}, '\ufeffsep=;\r\nid;name\r\n1;"a;b"\r\n2;c,d\r\n', ['a;b', 'c,d']],
    ['lines that end as of old', {}, 'id,name\r1,Ann\r2,"two\rlines"\r3,Bob', ['Ann', 'two\rlines', 'Bob']],
    ['lines before the column names', { skipLines: 3 }, 'Report "of" today\n\n;;;"\nid,name\n1,Ann\n', ['Ann']],
    ['lines before them of old', { skipLines: 1 }, 'Report\rid,name\r1,Ann\r', ['Ann']],
  ])('%s', async (...[, csv, content, names]) => {
    expect(await namesOf(content, csv)).toEqual({ names, rejected: 0 });
  });

  test('MySQL’s \\N is no value, if it is the whole cell and not in quotes', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({ 'customers.csv': 'id,name,email\n1,Ann,\\N\n2,"\\\\N",\\N\n' });
    const mapping = { ...mappingOf({ customers }), csv: { escape: '\\' } };
    expect((await importFrom(url, folder, mapping)).exitCode).toBe(0);
    expect(await query(url, 'SELECT name, email FROM customers ORDER BY external_id')).toEqual([
      { name: 'Ann', email: null },
      { name: '\\N', email: null },
    ]);
  });

  test('a delimiter, a line ending and an escape may be split by the end of a chunk', async () => {
    const tail = '"1"||"a\\"||b"\r\n"2"||"c\\\\"\r\n';
    const url = await freshDatabase();
    const files: Record<string, string> = {};
    const blocks = [];
    for (let shift = 0; shift <= tail.length; shift += 1) {
      // The text before moves the first chunk's end across every byte of the two rows.
      const head = `id||name\r\n"x${shift}"||"`;
      const padding = 'p'.repeat(256 * 1024 - head.length - 3 - shift);
      const own = tail.replaceAll(/"([12])"/g, `"${shift}-$1"`);
      files[`${shift}.csv`] = `${head}${padding}"\r\n${own}`;
      blocks.push({
        file: `${shift}.csv`,
        csv: { delimiter: '||', escape: '\\' },
        fields,
        onlyIf: { column: 'name', values: { 'a"||b': 'x', 'c\\': 'x' }, otherwise: null },
      });
    }
    const { counts, exitCode } = await importFrom(url, await folderOf(files), {
      name: 'test',
      targets: { customers: blocks },
    });
    expect([exitCode, counts['customers']]).toEqual([0, [2 * (tail.length + 1), 2 * (tail.length + 1), 0, 0, 0]]);
  });
});

describe('a file is decoded before it is split', () => {
  const wide = (text: string) => Buffer.from(text, 'utf16le');
  test.each<[string, object, Buffer, string]>([
    // Its escape sequences contain bytes of letters, and its characters contain bytes of delimiters.
    ['iso-2022-jp', {}, Buffer.from('id,name\n1,\u001b$B%"%$\u001b(B\n', 'latin1'), 'アイ'],
    ['shift_jis', { delimiter: '|' }, Buffer.from([...Buffer.from('id|name\n1|'), 0x83, 0x7c, 0x0a]), 'ポ'],
    ['big5', { delimiter: '|' }, Buffer.from([...Buffer.from('id|name\n1|'), 0xa6, 0x7c, 0x0a]), '帆'],
    ['gb18030', {}, Buffer.from([...Buffer.from('id,name\n1,'), 0x94, 0x39, 0xda, 0x33, 0x0a]), '\u{1f4a9}'],
    ['ucs-2', {}, wide('id,name\n1,Ċ,\n'.replace(',\n', '\n')), 'Ċ'],
    ['unicode', {}, wide('\ufeffid,name\n1,ఊ\n'), 'ఊ'],
    ['utf-16be', {}, wide('id,name\n1,é\n').swap16(), 'é'],
    ['windows-1252', {}, Buffer.from('id,name\n1,\u0080 5\n', 'latin1'), '€ 5'],
    ['latin1', {}, Buffer.from('id,name\n1,\u0080\n', 'latin1'), '€'],
    ['macintosh', {}, Buffer.from('id,name\n1,\u008a\n', 'latin1'), 'ä'],
    ['koi8-r', {}, Buffer.from('id,name\n1,\u00c1\n', 'latin1'), 'а'],
  ])('%s', async (...[encoding, csv, content, name]) => {
    expect(await namesOf(content, { encoding, ...csv })).toEqual({ names: [name], rejected: 0 });
  });

  test.each<[string, string | Buffer, object, RegExp]>([
    [
      'an encoding that is none',
      'id,name\n',
      { encoding: 'hz-gb-2312' },
      /csv\.encoding: expected an encoding such as utf-8/,
    ],
    [
      'a file in another',
      wide('\ufeffid,name\n'),
      {},
      /begins with the byte order mark of utf-16le, but the mapping says utf-8/,
    ],
    [
      'a file in another with a name',
      '\ufeffid,name\n',
      { encoding: 'latin1' },
      /mark of utf-8, but the mapping says latin1/,
    ],
    ['a file without a mark in another', wide('id,name\n'), {}, /control characters, so utf-8 may be wrong/],
    [
      'column names that are no text',
      Buffer.from([0x69, 0x64, 0x2c, 0xff]),
      {},
      /column 2 has bytes that are not text in its encoding/,
    ],
    [
      'another delimiter than the file says',
      'sep=;\nid;name\n',
      { delimiter: ',' },
      /says that its delimiter is ";", but the mapping says ","/,
    ],
    [
      'a delimiter that is the quote',
      'id,name\n',
      { delimiter: '"' },
      /csv\.delimiter: expected one without the quote or escape character/,
    ],
    ['a delimiter with a line break', 'id,name\n', { delimiter: '\n' }, /csv\.delimiter: expected no line break/],
    ['a number of lines that is none', 'id,name\n', { skipLines: 'two' }, /csv\.skipLines: expected a number of lines/],
  ])('%s is refused in one line before the first row', async (...[, content, csv, said]) => {
    const error = await refusal(content, csv);
    expect(error).toMatchObject({ name: 'CliError', exitCode: 65 });
    expect(String(error)).toMatch(said);
  });
});

test('all columns that a mapping names and the files lack are reported at once, with a line for each file', async () => {
  const folder = await folderOf({
    'customers.csv': 'id,name\n1,Ann\n',
    'orders.csv': 'no,customer\n1,1\n',
    'orderItems.csv': 'no\n1\n',
    'zones.csv': 'code\nDE\n',
  });
  const wrong = {
    ...customers,
    company: { template: '{firm} ({zone.nmae})' },
    phone: { column: 'name', country: 'land' },
    tags: [{ column: 'tag' }, { column: 'firm' }],
    addresses: [{ line1: 'street', city: 'id' }],
  };
  const joins = { zone: { file: 'zones.csv', key: 'kode', on: 'area' } };
  const targets = {
    customers: { file: 'customers.csv', joins, onlyIf: 'wanted', overflowColumn: 'rest', fields: wrong },
    orders: { file: 'orders.csv', fields: { ...orders, status: 'state' } },
    orderItems: { file: 'orderItems.csv', fields: orderItems },
  };
  const error: unknown = await importFrom('mysql://unused/unused', folder, { name: 'test', targets }).catch(
    (caught: unknown) => caught,
  );
  expect(error).toMatchObject({ name: 'CliError', exitCode: 65 });
  expect((error as Error).message.split('\n')).toEqual([
    'customers.csv has no columns "rest", "area", "wanted", "email", "land", "firm", "tag", "street"; it has id, name.',
    'zones.csv has no columns "kode", "nmae"; it has code.',
    'orders.csv has no column "state"; it has no, customer.',
    'orderItems.csv has no columns "sku", "pieces", "price"; it has no.',
  ]);
});
