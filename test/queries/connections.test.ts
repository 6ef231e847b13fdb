import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Connection } from 'mariadb';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import { askList, LISTS, type List, type ListOrder, type ListPage } from '../support/lists.ts';
import { withConnection } from '../support/servers.ts';
import {
  comparator,
  insertParents,
  insertRows,
  parentOf,
  PARENTS,
  replaceRows,
  severalStatuses,
  statusOf,
  type WalkedRow,
} from '../support/walked-rows.ts';

const listOrders = LISTS.flatMap((list) =>
  list.orders.map((order) => ({
    name: order.field === undefined ? list.name : `${list.name} by ${order.field} ${order.direction}`,
    list,
    order,
  })),
);

/** What can happen between two pages. */
type Change =
  | { readonly kind: 'nothing' | 'delete the row of the cursor' }
  | { readonly kind: 'delete a row'; readonly place: number }
  | { readonly kind: 'insert a row'; readonly id: number; readonly seed: number };

const seed = fc.nat(10_000);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.constantFrom<Change>({ kind: 'nothing' }, { kind: 'delete the row of the cursor' }),
  fc.record({ kind: fc.constant('delete a row' as const), place: fc.nat(100) }),
  fc.record({ kind: fc.constant('insert a row' as const), id: fc.integer({ min: 1, max: 500 }), seed }),
);

const walk = fc.record({
  seeds: fc.array(seed, { minLength: 24, maxLength: 40 }),
  // Mostly small pages, so that there are many.
  sizes: fc.array(
    fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 1, max: 9 }) }, fc.integer({ min: 1, max: 100 })),
    {
      minLength: 60,
      maxLength: 60,
    },
  ),
  changes: fc.array(change, { minLength: 60, maxLength: 60 }),
  backward: fc.boolean(),
  isFiltered: fc.boolean(),
});

/** The current rows, and all that ever existed. */
interface Walked {
  readonly rows: Map<number, WalkedRow>;
  readonly known: Map<number, WalkedRow>;
}

type Walk = typeof walk extends fc.Arbitrary<infer Value> ? Value : never;

const selectionOf = (list: List) =>
  `edges { cursor node { ${list.type === 'Change' ? 'version' : 'id'} } }
   pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;

/** The row ids of a page. */
const idsOf = (page: ListPage): number[] =>
  page.edges.map(({ node }) =>
    'version' in node ? Number(node.version) : Number(Buffer.from(node.id, 'base64url').toString().split(':')[1]),
  );

/** The expected page, as numbers and flags. */
function expectedPage(
  rows: readonly WalkedRow[],
  compare: (a: WalkedRow, b: WalkedRow) => number,
  { size, backward, from }: { size: number; backward: boolean; from: WalkedRow | undefined },
) {
  const sorted = rows.toSorted(compare);
  const isBeyond = (row: WalkedRow) => from === undefined || compare(row, from) * (backward ? -1 : 1) > 0;
  const beyond = sorted.filter(isBeyond);
  const page = backward ? beyond.slice(-size) : beyond.slice(0, size);
  const [hasMore, hasOther] = [beyond.length > page.length, beyond.length < sorted.length];
  return {
    ids: page.map((row) => row.id),
    hasNextPage: backward ? hasOther : hasMore,
    hasPreviousPage: backward ? hasMore : hasOther,
  };
}

describe('a connection', () => {
  let gateway: OwnGateway;
  beforeAll(async () => {
    gateway = await startOwnGateway();
  });
  afterAll(() => gateway.close());

  async function applyChange(
    sql: Connection,
    list: List,
    { rows, known, change: made, from }: Walked & { change: Change; from: WalkedRow | undefined },
  ): Promise<void> {
    if (made.kind === 'insert a row') {
      // No id is reused: a row that reappeared elsewhere would rightly be seen again.
      if (known.has(made.id)) return;
      rows.set(made.id, made);
      known.set(made.id, made);
      await insertRows(sql, list, [made]);
    } else if (made.kind !== 'nothing') {
      const gone = made.kind === 'delete a row' ? [...rows.values()][made.place % (rows.size || 1)] : from;
      if (gone === undefined || !rows.delete(gone.id)) return;
      await sql.query(`DELETE FROM ${list.table} WHERE id = ?`, [gone.id]);
    }
  }

  async function walkOnce(
    sql: Connection,
    { list, order }: { list: List; order: ListOrder },
    { seeds, sizes, changes, backward, isFiltered }: Walk,
  ): Promise<void> {
    const compare = comparator(order);
    const [parent] = PARENTS;
    const statuses = isFiltered ? severalStatuses(list.type) : undefined;
    const isListed = (row: WalkedRow) =>
      (list.parent === undefined || parentOf(row) === parent) &&
      (statuses === undefined || statuses.includes(statusOf(list.type, row) ?? ''));
    const rows = new Map(seeds.map((value, i) => [(i + 1) * 10, { id: (i + 1) * 10, seed: value }]));
    await replaceRows(sql, list, [...rows.values()]);
    const known = new Map(rows);
    const untouched = new Map([...rows].filter(([, row]) => isListed(row)));
    const seen: number[] = [];
    let from: WalkedRow | undefined;
    let cursor: string | null = null;
    for (const [step, size] of sizes.entries()) {
      const expected = expectedPage([...rows.values()].filter(isListed), compare, { size, backward, from });
      const [page] = await askList(gateway, list, {
        ...{ selection: selectionOf(list), order, parents: [parent] },
        ...(backward ? { last: size, before: cursor } : { first: size, after: cursor }),
        ...(statuses === undefined ? {} : { filter: { status: statuses } }),
      });
      if (page === undefined) throw new Error('no page');
      const { hasNextPage, hasPreviousPage, startCursor, endCursor } = page.pageInfo;
      expect({ step, ids: idsOf(page), hasNextPage, hasPreviousPage }).toEqual({ step, ...expected });
      expect([startCursor, endCursor]).toEqual([page.edges[0]?.cursor ?? null, page.edges.at(-1)?.cursor ?? null]);
      seen[backward ? 'unshift' : 'push'](...expected.ids);
      if (!(backward ? hasPreviousPage : hasNextPage)) break;
      cursor = backward ? startCursor : endCursor;
      from = known.get(expected.ids.at(backward ? 0 : -1) ?? 0);
      const made = changes[step] ?? { kind: 'nothing' };
      await applyChange(sql, list, { rows, known, change: made, from });
      for (const id of untouched.keys()) if (!rows.has(id)) untouched.delete(id);
    }
    const left = [...untouched.values()].toSorted(compare).map((row) => row.id);
    expect(seen.filter((id) => untouched.has(id))).toEqual(left);
    expect(new Set(seen).size).toBe(seen.length);
  }

  test.each(listOrders)(
    '$name returns every untouched row once and in order, in pages of any size and in either direction, while rows are added and deleted',
    async ({ list, order }) => {
      await withConnection(gateway.databaseUrl, async (sql) => {
        await insertParents(sql, list);
        const property = fc.asyncProperty(walk, (steps) => walkOnce(sql, { list, order }, steps));
        await fc.assert(property, { numRuns: 4, endOnFailure: true });
      });
    },
  );
});
