import { afterEach, describe, expect, test } from '@jest/globals';
import { cleanUpImports, customers, folderOf, freshDatabase, importFrom } from './import-run.ts';
import { query } from './table-contents.ts';

afterEach(cleanUpImports);

describe('public data sets need', () => {
  test.each([
    ['cp850', [0x84, 0xa4, 0xb7, 0xe1, 0x9b], 'äñÀßø'],
    ['CP437', [0x84, 0xa4, 0x9b, 0xe1, 0xff], 'äñ¢ß'],
  ])('the code page %s of DOS', async (encoding, bytes, name) => {
    const url = await freshDatabase();
    const folder = await folderOf({
      'customers.csv': Buffer.concat([Buffer.from('id,name,email\r\n1,'), Buffer.from(bytes), Buffer.from(',\r\n')]),
    });
    const { exitCode } = await importFrom(url, folder, {
      name: 'test',
      csv: { encoding },
      targets: { customers: { file: 'customers.csv', fields: customers } },
    });
    expect(exitCode).toBe(0);
    expect(await query(url, 'SELECT name FROM customers')).toEqual([{ name }]);
  });
});
