import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type CsvRecord, readCsvRecords } from '../../src/data/import/csv-rows.ts';
import type { CsvFormat } from '../../src/data/import/csv-fields.ts';
import { cleanUpImports, folderOf } from './import-run.ts';

afterEach(cleanUpImports);

async function recordsOf(path: string, format: CsvFormat): Promise<CsvRecord[]> {
  const records: CsvRecord[] = [];
  for await (const record of readCsvRecords(path, format)) records.push(record);
  return records;
}

describe('CSV', () => {
  test('is read the same wherever its chunks end', async () => {
    const text = 'a,b\r\n"x, ""y""\r\nz",é\r\n\r\n1,2\n"",3\r\nhalf,"open\n5,6';
    const format = { delimiter: ',', quote: '"', escape: '"', encoding: 'utf-8' };
    // The padding moves the chunk's end across every byte of the text.
    const chunk = 256 * 1024;
    for (let shift = 0; shift <= Buffer.byteLength(text); shift += 1) {
      const padding = `${'p'.repeat(chunk - 1 - shift)}\n`;
      const folder = await folderOf({ 'x.csv': padding + text });
      const records = await recordsOf(join(folder, 'x.csv'), format);
      expect(records.slice(1).map((record) => [record.line, record.problem ?? record.cells])).toEqual([
        [2, ['a', 'b']],
        [3, ['x, "y"\r\nz', 'é']],
        [6, ['1', '2']],
        [7, ['', '3']],
        [8, 'a quote is opened in column 2 and not closed'],
        [9, ['5', '6']],
      ]);
    }
  });

  test('may begin with a byte order mark, be UTF-16, or escape quotes by backslashes', async () => {
    const folder = await folderOf({
      'bom.csv': '\ufeffa,b\n',
      'wide.csv': Buffer.from('\ufeffä,"b\n"\n', 'utf16le'),
      'slash.csv': '"a \\" b",c\n',
    });
    const read = async (name: string, changes: object) => {
      const format = { delimiter: ',', quote: '"', escape: '"', encoding: 'utf-8', ...changes };
      const records = await recordsOf(join(folder, name), format);
      return records.map((record) => record.problem ?? record.cells);
    };
    expect(await read('bom.csv', {})).toEqual([['a', 'b']]);
    expect(await read('wide.csv', { encoding: 'utf-16le' })).toEqual([['ä', 'b\n']]);
    expect(await read('slash.csv', { escape: '\\' })).toEqual([['a " b', 'c']]);
  });

  test('with a quote that is never closed loses only that line, and needs little memory', async () => {
    const row = `"${'x'.repeat(98)}"\n`;
    const folder = await folderOf({ 'x.csv': `"open\n${row.replaceAll('"', '').repeat(40_000)}` });
    const format = { delimiter: ',', quote: '"', escape: '"', encoding: 'utf-8' };
    let [problems, rows] = [0, 0];
    for await (const record of readCsvRecords(join(folder, 'x.csv'), format)) {
      if (record.problem === undefined) rows += 1;
      else problems += 1;
    }
    expect([problems, rows]).toEqual([1, 40_000]);
  });
});
