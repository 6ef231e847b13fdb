import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { format, resolveConfig } from 'prettier';
import { indexName } from '../../src/batch/table.ts';
import { TABLES } from '../../src/crm/registry.ts';
import { listQuestions } from '../../src/explain/questions.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { schemaShape } from '../support/prisma-schema.ts';
import { indexesPage } from './indexes-page.ts';

const project = join(import.meta.dirname, '../..');
const path = join(project, 'docs/indexes.md');
const page = readFileSync(path, 'utf8');

/** The names of the indexes in prisma/schema.prisma, which another test compares with the migrated tables. */
const migrated = schemaShape(readFileSync(join(project, 'prisma/schema.prisma'), 'utf8')).flatMap(
  (line) => /INDEX (\w+) /.exec(line)?.[1] ?? [],
);

const named = new Set([...page.matchAll(/`(\w+_(?:idx|key))`/g)].map(([, name = '']) => name));

/** Indexes that no list uses, and their purpose. */
const OTHERS: Readonly<Record<string, string>> = {
  agents_external_id_key: 'an import finds agents by it',
  api_keys_secret_hash_key: 'a gateway finds an API key by it',
  customer_merges_kept_id_idx: 'a merge, and a deletion, of the kept customer finds who went into it',
  idempotency_keys_created_at_idx: 'old keys are found and forgotten by it',
  interactions_external_id_key: 'an import finds interactions by it',
  order_items_product_id_idx: 'no statement yet: which orders a product is in',
};

describe('docs/indexes.md', () => {
  test('is what `npm run docs:indexes` writes from the code', async () => {
    expect(page).toBe(await format(indexesPage(), { ...(await resolveConfig(path)), parser: 'markdown' }));
  });

  test('names no index that the migrations do not make', () => {
    expect([...named].filter((name) => !migrated.includes(name))).toEqual([]);
    expect(named.size).toBeGreaterThan(50);
  });

  test('names every index that the migrations make, but those that no list reads from', () => {
    expect(migrated.filter((name) => !named.has(name)).sort()).toEqual(Object.keys(OTHERS).sort());
  });
});

/** Equalities that no index covers together, and how they are read instead. */
const UNCOVERED: Readonly<Record<string, string>> = {
  'Agent.customers status, tag':
    'by the tag: with the status in the table of tags, a change of it would write up to 20 rows',
  'Query.customers status, tag': 'the same',
};

test('Every list has an index that begins with each equality of its filters, and with each pair, in each order, but those that are named', () => {
  const lacking = listQuestions(createSchema()).flatMap(({ source, conditions, uncovered }) => {
    const equalities = conditions.filter(({ kind }) => kind === 'in' || kind === 'has');
    const names = equalities.map((one) =>
      one.kind === 'has' ? one.indexTable.valueColumn : 'column' in one && one.column,
    );
    const isSelective = source.table.selective?.some((column) => names.includes(column)) === true;
    const isAsked = equalities.length === conditions.length && conditions.length <= 2 && !isSelective;
    return isAsked && uncovered.length > 0 ? [`${source.name} ${names.join(', ')}`] : [];
  });
  expect([...new Set(lacking)].sort()).toEqual(Object.keys(UNCOVERED));
});

test('Every index of a table.ts is made by the migrations', () => {
  const wanted = TABLES.flatMap((table) =>
    table.indexes.map((columns) =>
      indexName(
        table.name,
        columns.concat('id').map((name) => table.columns[name]?.sql ?? name),
      ),
    ),
  );
  expect(wanted.filter((name) => !migrated.includes(name))).toEqual([]);
  expect(wanted.length).toBeGreaterThan(50);
});
