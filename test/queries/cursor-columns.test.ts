import { expect, test } from '@jest/globals';
import type { ListQuery, Position } from '../../src/batch/list-query.ts';
import { listLoaders } from '../../src/batch/lists.ts';
import { customers, type CustomerRow } from '../../src/crm/customer/table.ts';
import { createConnection } from '../../src/relay/connection.ts';
import { parse } from 'graphql';
import { analyse } from '../../src/graphql/analysis.ts';
import { createSchema } from '../../src/graphql/schema.ts';

// A cursor costs more than all the rest of a row, and the column that a list is sorted by is often needed for nothing else.

const ANY_ROWS: ListQuery['conditions'] = [];
const SEVERAL_VALUES: ListQuery['conditions'] = [{ kind: 'in', column: 'status', values: ['LEAD', 'ACTIVE'] }];
const BY_NAME = { column: 'name', descending: false, name: 'NAME ASC' };
const ROWS = ['1', '2', '3'].map((id) => ({ id, name: `Customer ${id}` }) as CustomerRow);

/** The columns that come from the tables for a page of ids and companies. */
async function selected(conditions: ListQuery['conditions'], readsCursors: boolean): Promise<readonly string[]> {
  const statements: string[] = [];
  const loaders = listLoaders(
    'Query.customers',
    customers,
  )({
    db: { read: async ({ sql }) => (statements.push(sql), []) },
    columnsOf: () => ['id', 'company'],
    readsCursors,
    tags: new Set(),
    // DataLoader has its keys then.
    schedule: queueMicrotask,
  });
  const page = { conditions, sort: BY_NAME, limit: 2, backward: false, from: undefined, batchKey: '' };
  await loaders.page(null, page);
  return [...(statements[0] ?? '').matchAll(/SELECT (t\.\w+(?:, t\.\w+)*) FROM/g)].map(([, columns = '']) => columns);
}

test('The column that a list is sorted by is read for cursors alone', async () => {
  expect(await selected(ANY_ROWS, true)).toEqual(['t.id, t.name, t.company']);
  expect(await selected(ANY_ROWS, false)).toEqual(['t.id, t.company']);
});

test('and where the rows of several values are sorted together', async () => {
  expect(await selected(SEVERAL_VALUES, true)).toEqual(Array(2).fill('t.id, t.name, t.company'));
  expect(await selected(SEVERAL_VALUES, false)).toEqual(Array(2).fill('t.id, t.company, t.name'));
});

test.each([
  ['{ customers { nodes { name } totalCount pageInfo { hasNextPage hasPreviousPage } } }', false],
  ['{ customers { edges { node { name } } } }', false],
  ['{ customers { edges { cursor } } }', true],
  ['{ customers { pageInfo { ...P } } } fragment P on PageInfo { startCursor }', true],
  ['{ customers { nodes { orders { pageInfo { last: endCursor } } } } }', true],
  ['{ customers { edges { ... @skip(if: true) { cursor } } } }', true],
])('%s asks for cursors: %s', (document, readsCursors) => {
  expect(analyse(createSchema(), parse(document)).readsCursors).toBe(readsCursors);
});

/** A page of three rows, and the positions that cursors were made of. */
function threeRows() {
  const encoded: Position[] = [];
  const cursors = {
    encode: (_: unknown, position: Position) => (encoded.push(position), `cursor ${position.id}`),
    decode: () => {
      throw new Error('there is no cursor to decode');
    },
  };
  const loaders = {
    source: { name: 'Query.customers', table: customers, parent: undefined },
    page: async () => ({ rows: ROWS, hasMore: true }),
    count: async () => ROWS.length,
    exists: async () => false,
  };
  const paging = { pageSizeDefault: 20, pageSizeMax: 100, cursors };
  const list = { parent: null, conditions: ANY_ROWS, sort: BY_NAME };
  return { connection: createConnection(loaders, list, { args: {}, paging }), encoded };
}

test('A cursor is made when it is asked for, and no other is', async () => {
  const { connection, encoded } = threeRows();
  const [edges, pageInfo] = [await connection.edges(), await connection.pageInfo()];
  expect(edges.map(({ node }) => node)).toEqual(ROWS);
  expect([pageInfo.hasNextPage(), pageInfo.hasPreviousPage()]).toEqual([true, false]);
  expect(encoded).toEqual([]);
  expect(edges[1]?.cursor).toBe('cursor 2');
  expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual(['cursor 1', 'cursor 3']);
  expect(encoded).toEqual(['2', '1', '3'].map((id) => ({ value: `Customer ${id}`, id })));
});
