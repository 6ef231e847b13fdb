import { afterEach, expect, test } from '@jest/globals';
import { convertCountry } from '../../src/data/import/values.ts';
import { cleanUpImports, customers, folderOf, freshDatabase, importFrom, mappingOf } from './import-run.ts';
import { query } from './table-contents.ts';

afterEach(cleanUpImports);

test('texts of an import are in one form, wherever they come from, and an email stays what it is', async () => {
  const url = await freshDatabase();
  const folder = await folderOf({
    'customers.csv': [
      // The name of the column has a decomposed accent.
      'id,name,email,pre\u0301nom,tags',
      're\u0301f-1,\u200bAme\u0301lie,,cle\u0301,\u202aé\u202c;e\u0301;e;é',
      'réf-1,Amélie again,,clé,',
      'k,Kelvin,\u212a@example.com,clé,',
      'w,\u200b\u2060,,clé,',
      ...['jo\u200bhn@example.com', 'jo\u00adhn@example.com', '\u202ejohn@example.com', 'john＠example.com'].map(
        (email, i) => `m${i},Not John,${email},clé,`,
      ),
    ].join('\n'),
  });
  const fields = {
    ...customers,
    company: { column: 'prénom', values: { 'cle\u0301': 'Sirke\u0301tia' } },
    tags: [{ column: 'tags', split: ';' }],
  };
  const { counts, rejects, leftEmpty } = await importFrom(url, folder, mappingOf({ customers: fields }));
  expect(counts['customers']?.slice(0, 2)).toEqual([8, 1]);
  expect(rejects['customers.rejected.csv']?.map((line) => line.split(',')[0])).toEqual([
    '3',
    '4',
    '5',
    '6',
    '7',
    '8',
    '9',
  ]);
  expect(leftEmpty?.slice(1).map((line) => line.split(',').slice(-4).join())).toEqual([
    expect.stringContaining('to the database it is ""é"", which is there'),
  ]);
  expect(
    await query(
      url,
      'SELECT external_id, customers.name, company, tag FROM customers JOIN customer_tags ON customer_id = id',
    ),
  ).toEqual([{ external_id: 'réf-1', name: 'Amélie', company: 'Sirkétia', tag: 'é' }]);
});

test('a country is none whose capitals alone are its code', () => {
  expect(convertCountry('de')).toBe('DE');
  for (const text of ['ß', 'ﬁ', 'ﬆ', 'ſe', 'ın', 'd', 'ＤＥ'])
    expect(() => convertCountry(text)).toThrow(/^expected a country code such as "DE", got/);
});
