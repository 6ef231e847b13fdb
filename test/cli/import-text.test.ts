import { afterEach, expect, test } from '@jest/globals';
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
    ].join('\n'),
  });
  const fields = {
    ...customers,
    company: { column: 'prénom', values: { 'cle\u0301': 'Sirke\u0301tia' } },
    tags: [{ column: 'tags', split: ';' }],
  };
  const { counts, rejects, leftEmpty } = await importFrom(url, folder, mappingOf({ customers: fields }));
  expect(counts['customers']?.slice(0, 2)).toEqual([4, 1]);
  expect(rejects['customers.rejected.csv']?.map((line) => line.split(',')[0])).toEqual(['3', '4', '5']);
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
