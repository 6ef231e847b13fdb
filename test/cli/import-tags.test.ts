import { afterEach, expect, test } from '@jest/globals';
import { PAIRS } from '../docs/text-pairs.ts';
import { startWritingGateway } from '../mutations/writing-gateway.ts';
import { cleanUpImports, customers, folderOf, freshDatabase, importFrom, mappingOf } from './import-run.ts';
import { query } from './table-contents.ts';

afterEach(cleanUpImports);

/** Which tags a new customer has, or undefined if two of them are refused as one. */
async function tagsCreated(pairs: readonly (readonly string[])[]) {
  const gateway = await startWritingGateway();
  const created: (unknown[] | undefined)[] = [];
  for (const [i, tags] of pairs.entries()) {
    const { userErrors } = await gateway.create({ name: 'Any', externalId: `pair ${i}`, tags });
    if (userErrors.length > 0) expect(userErrors).toEqual([expect.objectContaining({ code: 'INVALID_INPUT' })]);
    created.push(userErrors.length > 0 ? undefined : await tagsOf(gateway.databaseUrl, `pair ${i}`));
  }
  await gateway.close();
  return created;
}

const tagsOf = async (url: string, externalId: string) => {
  const own = `SELECT id FROM customers WHERE external_id = '${externalId}'`;
  const rows = await query(url, `SELECT tag FROM customer_tags WHERE customer_id = (${own}) ORDER BY HEX(tag)`);
  return rows.map((row) => row['tag']);
};

test('an import considers the same tags equal as mutations do, keeps the first, and reports the other', async () => {
  const pairs = Object.values(PAIRS).flatMap((texts) => texts.map(([stored, asked]) => [stored, asked] as const));
  const created = await tagsCreated(pairs);
  const url = await freshDatabase();
  const folder = await folderOf({
    'customers.csv': ['id,name,email,tags', ...pairs.map((tags, i) => `pair ${i},Any,,"${tags.join('|')}"`)].join('\n'),
  });
  const fields = { ...customers, tags: [{ column: 'tags', split: '|' }] };
  const { exitCode, rejects, leftEmpty } = await importFrom(url, folder, mappingOf({ customers: fields }));
  expect({ exitCode, rejects }).toEqual({ exitCode: 0, rejects: {} });
  for (const [i, [first, second]] of pairs.entries()) {
    const line = leftEmpty?.find((one) => one.startsWith(`"customers.csv",${i + 2},"tags",`));
    const tags = await tagsOf(url, `pair ${i}`);
    const expected = created[i] ?? [first.normalize('NFC')];
    expect({ first, second, tags, told: line !== undefined }).toEqual({
      first,
      second,
      tags: expected,
      told: created[i] === undefined,
    });
  }
  expect(leftEmpty?.length).toBeGreaterThan(20);
});
