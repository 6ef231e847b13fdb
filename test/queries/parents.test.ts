import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ANY_COST, PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { askList, listNamed, type ListOrder, type ListPage } from '../support/lists.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';

// One statement returns the pages of all parents: SELECTs joined by UNION ALL without an outer ORDER BY.
// src/batch/statements.ts relies on both servers returning each SELECT's rows together and in order.

const PARENTS = Array.from({ length: 100 }, (_, i) => i + 1);
const CHILDREN = 17;

interface Row {
  readonly id: number;
  readonly parent: number;
  readonly status: string;
  readonly [column: string]: string | number | null;
}

describe('a page for each of many parents', () => {
  let database: TestDatabase;
  let gateway: TestGateway;
  const rows: Row[] = [];

  beforeAll(async () => {
    database = await createDatabase();
    gateway = await startGateway({ databaseUrl: database.url, settings: { ...PATIENT, ...ANY_COST } });
    const day = (n: number) => `2024-03-0${1 + n}T00:00:00.000Z`;
    for (const parent of PARENTS)
      for (let child = 0; child < CHILDREN; child += 1) {
        // Ids are spread over the parents, and do not correlate with the other columns.
        const id = ((child * PARENTS.length + parent) * 7_919) % 1_000_003;
        rows.push({
          ...{ id, parent, status: ['OPEN', 'PENDING', 'RESOLVED', 'CLOSED'][id % 4] ?? '' },
          ...{ opened_at: day(id % 3), updated_at: day(id % 5), closed_at: id % 4 < 2 ? null : day(id % 7) },
        });
      }
    await withConnection(database.url, async (sql) => {
      await sql.batch(
        'INSERT INTO customers (id, name, updated_at) VALUES (?, ?, NOW())',
        PARENTS.map((id) => [id, `C${id}`]),
      );
      const at = (value: unknown) => (typeof value === 'string' ? value.replace('T', ' ').slice(0, 23) : null);
      await sql.batch(
        `INSERT INTO tickets (id, number, customer_id, subject, status, opened_at, updated_at, closed_at)
         VALUES (?, ?, ?, 'S', ?, ?, ?, ?)`,
        rows.map((row) => [
          row.id,
          `T${row.id}`,
          row.parent,
          row.status,
          at(row['opened_at']),
          at(row['updated_at']),
          at(row['closed_at']),
        ]),
      );
    });
  });
  afterAll(async () => {
    await gateway.close();
    await database.drop();
  });

  const list = listNamed('Customer.tickets');

  function expected(
    parent: number,
    { column, direction }: ListOrder,
    statuses: readonly string[] | undefined,
  ): number[] {
    const key = (row: Row) => String(row[column] ?? '');
    const sign = direction === 'ASC' ? 1 : -1;
    return rows
      .filter((row) => row.parent === parent && (statuses === undefined || statuses.includes(row.status)))
      .toSorted((a, b) => sign * (key(a) === key(b) ? a.id - b.id : key(a) < key(b) ? -1 : 1))
      .map((row) => row.id);
  }

  const idsOf = (page: ListPage | undefined) =>
    page?.nodes.map((node) => Number(Buffer.from(node.id, 'base64url').toString().split(':')[1]));

  describe.each([[undefined], [['OPEN']], [['OPEN', 'RESOLVED', 'CLOSED']]])(
    'with the filter for status %j',
    (statuses) => {
      test.each(list.orders)(
        'has the rows of its parent in the order $field $direction, from either end',
        async (order) => {
          for (const size of [5, 100]) {
            const asked = {
              ...{ selection: 'nodes { id } pageInfo { hasNextPage hasPreviousPage }', order, parents: PARENTS },
              ...(statuses === undefined ? {} : { filter: { status: statuses } }),
            };
            const [first, last] = [
              await askList(gateway, list, { ...asked, first: size }),
              await askList(gateway, list, { ...asked, last: size }),
            ];
            const all = PARENTS.map((parent) => expected(parent, order, statuses));
            expect(first.map(idsOf)).toEqual(all.map((ids) => ids.slice(0, size)));
            expect(last.map(idsOf)).toEqual(all.map((ids) => ids.slice(-size)));
            expect(first.map((page) => page.pageInfo)).toEqual(
              all.map((ids) => ({ hasNextPage: ids.length > size, hasPreviousPage: false })),
            );
            expect(last.map((page) => page.pageInfo)).toEqual(
              all.map((ids) => ({ hasNextPage: false, hasPreviousPage: ids.length > size })),
            );
          }
        },
      );
    },
  );

  test('counts the rows of its own parent', async () => {
    const pages = await askList(gateway, list, {
      selection: 'totalCount',
      parents: PARENTS,
      filter: { status: ['OPEN', 'CLOSED'] },
    });
    const orders = list.orders[0] ?? { field: undefined, column: 'opened_at', direction: 'ASC' as const };
    expect(pages.map((page) => page.totalCount)).toEqual(
      PARENTS.map((parent) => expected(parent, orders, ['OPEN', 'CLOSED']).length),
    );
  });
});
