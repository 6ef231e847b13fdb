import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { cleanUpImports, folderOf, freshDatabase, importFrom, mappingOf } from './import-run.ts';
import { query } from './table-contents.ts';

afterEach(cleanUpImports);

const UNUSED = 'mysql://unused/unused';
const customers = { externalId: 'id', name: 'name' };
const files = { 'customers.csv': 'id,name\n1,Ann\n' };

/** Expects the import to refuse the mapping with exit code 65 and a message with this text. */
async function expectRefused(mapping: string | object, said: string): Promise<void> {
  const refused = importFrom(UNUSED, await folderOf(files), mapping);
  await expect(refused).rejects.toMatchObject({ exitCode: 65, message: expect.stringContaining(said) });
}

const sourced = (source: object) => ({
  name: 'test',
  targets: { customers: { file: 'customers.csv', fields: customers, ...source } },
});

describe('a mapping is refused that', () => {
  test.each(['x-user-defined', 'X-USER-DEFINED', 'utf-7', 'replacement'])(
    'has an encoding of no characters or of private ones: %s',
    async (encoding) => {
      await expectRefused(sourced({ csv: { encoding } }), 'csv.encoding: expected an encoding such as utf-8');
    },
  );

  test.each(['../c.csv', 'a/../../c.csv', '..', 'a/..', '.'])(
    'names a file that is not below the folder: %s',
    async (file) => {
      const said = `expected a path below the folder, got "${file}"`;
      await expectRefused(sourced({ file }), `targets.customers.file: ${said}`);
      await expectRefused(sourced({ file: ['customers.csv', file] }), `targets.customers.file.1: ${said}`);
      const joins = { more: { file, key: 'id', on: 'id' } };
      await expectRefused(sourced({ joins }), `targets.customers.joins.more.file: ${said}`);
    },
  );

  test('has no target', async () => {
    await expectRefused({ name: 'test', targets: {} }, 'targets: expected at least one target, such as customers');
  });

  const yaml = 'name: test\ntargets:\n  customers: { file: customers.csv, fields: { externalId: id, name: nöme } }\n';
  test.each<[string, string | Buffer, string]>([
    ['two documents', `${yaml}---\n${yaml}`, 'line 4, column 1: expected one YAML document in UTF-8, got several'],
    [
      'UTF-16',
      Buffer.from(`\ufeff${yaml}`, 'utf16le'),
      'line 1, column 1: expected one YAML document in UTF-8, got UTF-16',
    ],
    [
      'UTF-16 with its bytes the other way round',
      Buffer.from(`\ufeff${yaml}`, 'utf16le').swap16(),
      'line 1, column 1: expected one YAML document in UTF-8, got UTF-16',
    ],
    [
      'UTF-16 without a mark',
      Buffer.from('name: test', 'utf16le'),
      'line 1, column 2: expected one YAML document in UTF-8, got U+0000, as in UTF-16',
    ],
    [
      'Latin-1',
      Buffer.from(yaml, 'latin1'),
      'line 3, column 70: expected one YAML document in UTF-8, got bytes of another encoding',
    ],
  ])('is not one document in UTF-8, but %s', async (_, content, said) => {
    const path = join(await folderOf({ 'mapping.yaml': content }), 'mapping.yaml');
    await expectRefused(path, `The mapping ${path} is not YAML as expected: ${said}`);
  });
});

test('a file below the folder may be in one of its folders, or a link to one elsewhere', async () => {
  const url = await freshDatabase();
  const folder = await folderOf({});
  await mkdir(join(folder, 'a..b'));
  await writeFile(join(folder, 'a..b', '..c.csv'), 'id,name\n1,Ann\n');
  await symlink(join(await folderOf({ 'd.csv': 'id,name\n2,Bob\n' }), 'd.csv'), join(folder, 'd.csv'));
  const file = ['a..b/..c.csv', 'a..b/../d.csv'];
  expect((await importFrom(url, folder, sourced({ file }))).counts['customers']).toEqual([2, 2, 0, 0, 0]);
});

test('one document in UTF-8 is accepted with document markers at its start and end', async () => {
  const url = await freshDatabase();
  const yaml =
    '\ufeff---\nname: test\ntargets: { customers: { file: c.csv, fields: { externalId: id, name: nöme } } }\n...\n';
  const folder = await folderOf({ 'mapping.yaml': yaml, 'c.csv': 'id,nöme\n1,Ann\n' });
  expect((await importFrom(url, folder, join(folder, 'mapping.yaml'))).exitCode).toBe(0);
});

test('the country of telephone numbers may be in lower case, in the mapping and in the files', async () => {
  const url = await freshDatabase();
  const cells = '1,030 123456,de\n2,030 123457,DE\n3,030 123458,\n4,030 123459 ext. 7,dE\n5,030 123450,xq\n';
  const folder = await folderOf({ 'customers.csv': `id,phone,land\n${cells}` });
  const country = { column: 'land', values: { xq: 'xq' }, otherwise: 'de', default: 'de' };
  const fields = { externalId: 'id', name: 'id', phone: { column: 'phone', country: 'land', extension: 'cut' } };
  const { rejects } = await importFrom(url, folder, mappingOf({ customers: fields }));
  expect(rejects['customers.rejected.csv']?.map((line) => line.split(',')[0])).toEqual(['4', '6']);
  const constant = { ...fields, phone: { ...fields.phone, country: { column: 'land', default: 'de' } } };
  const { counts } = await importFrom(url, folder, mappingOf({ customers: constant }));
  expect(counts['customers']).toEqual([5, 1, 0, 3, 1]);
  const phones = await query(url, 'SELECT phone FROM customers ORDER BY external_id');
  expect(phones.map((row) => row['phone'])).toEqual(['+4930123456', '+4930123457', '+4930123458', '+4930123459']);
  const wrong = { ...fields, phone: { column: 'phone', country } };
  await expectRefused(
    mappingOf({ customers: wrong }),
    'country.values.xq: expected a country code such as "DE", got "xq"',
  );
});
