import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { phoneStarts } from '../../src/crm/phones.ts';
import { cursorTools, type CursorTools } from '../support/cursors.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { FEW, fillWithManyChildren, MANY, SHARED_PHONE, SHARED_TAG } from '../support/heavy-data.ts';
import { askList, LISTS, type List, type ListOrder } from '../support/lists.ts';
import { printTable } from '../support/print-table.ts';
import { createCountedDatabase } from '../support/counted-database.ts';
import { openRowsReader, type RowsReader } from '../support/rows-read.ts';
import { nodeId } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';

const PAGE = 5;
/** The extra row that tells whether there is a next page, and the first look-up for the second part of a cursor's condition. */
const SLACK = 2;

/** How many search terms each customer has: 10 of its name, and 7 of its telephone number. */
const TERMS = 17;
/** Of several words, the two rarest are counted up to 1,000 each, and 5,000 customers with the rarest are looked at. */
const WORDS = 2 * 2_000 + 5_000 * (4 + 2 * TERMS);

/** A filter with an index, and how many index ranges are merged for it. */
interface Filter {
  readonly name: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly branches?: number;
  /** Each row of the index table leads to a row of the main table. */
  readonly isSide?: boolean;
}

/** The most rows that a page may read. Rows of several ranges are merged in a temporary table: written, read, sorted. */
function maxRows({ branches = 1, isSide = false }: Filter): number {
  const read = branches * (PAGE + SLACK) * (isSide ? 2 : 1);
  return branches === 1 ? read : read + branches * (PAGE + 1) + 1 + (PAGE + 1);
}

const filter = (given: Readonly<Record<string, unknown>>): Filter => ({
  name: JSON.stringify(given).replaceAll('"', ''),
  variables: { filter: given },
});

const span = { from: '2024-01-01T01:00:00Z', to: '2024-01-04T00:00:00Z' };
const owner = nodeId('Agent', MANY);

/** Every filter of a list that has an index for the order, one at a time, after no filter at all. */
function filtersOf({ type, parent, variables }: List, { column }: ListOrder): Filter[] {
  const field = column.replace(/_at$/, 'At');
  const ranged = type === 'Customer' || type === 'Order' || type === 'Ticket' ? column.endsWith('_at') : false;
  // Open tickets have no closing time, and the API has no filter by it.
  const ranges = ranged && column !== 'closed_at' ? [filter({ [field]: span })] : [];
  const several = (name: string, values: string[]) => ({ ...filter({ [name]: values }), branches: values.length });
  const none = { name: '', variables: {} };
  if (type === 'Customer') {
    const status = [filter({ status: ['ACTIVE'] }), several('status', ['ACTIVE', 'LEAD', 'CHURNED'])];
    const tagged = [
      { ...filter({ tag: SHARED_TAG }), isSide: true },
      ...(ranged ? [{ ...filter({ tag: SHARED_TAG, [field]: span }), isSide: true }] : []),
    ];
    // Customers of an agent with a telephone number are filtered while reading.
    const rest = [
      { ...filter({ ownerId: owner, tag: SHARED_TAG }), isSide: true },
      filter({ phone: SHARED_PHONE }),
      filter({ ownerId: owner }),
      filter({ ownerId: owner, status: ['LEAD'] }),
      ...(column === 'name' ? [filter({ nameStartsWith: 'Name 00' })] : []),
    ];
    return [none, ...status, ...ranges, ...tagged, ...(parent === undefined ? rest : [])];
  }
  if (type === 'Order') return [none, filter({ status: ['PAID'] }), several('status', ['PAID', 'SHIPPED']), ...ranges];
  if (type === 'Ticket') {
    const urgent = [filter({ priority: ['HIGH'] }), several('priority', ['HIGH', 'LOW'])];
    // Open tickets have not been closed, so the pages of their list would not be full on both sides.
    const open =
      column === 'closed_at' ? [] : [filter({ status: ['OPEN'] }), filter({ status: ['OPEN'], priority: ['HIGH'] })];
    return [none, ...urgent, ...open, ...ranges];
  }
  return 'kind' in variables ? [none, { name: 'kind', variables: { kind: 'CALL' } }] : [none];
}

const entries = (list: List) => (list.type === 'Change' ? 'nodes { version }' : 'nodes { id }');

describe('the rows that the server reads', () => {
  let databaseUrl: string;
  let gateway: TestGateway;
  let cursors: CursorTools;
  let reader: RowsReader;
  let drop: () => Promise<void>;
  const lookUps = new Map<string, number>();

  beforeAll(async () => {
    ({ url: databaseUrl, drop } = await createCountedDatabase());
    await fillWithManyChildren(databaseUrl);
    gateway = await startGateway({ databaseUrl, settings: PATIENT });
    cursors = await cursorTools(databaseUrl);
    reader = await openRowsReader(databaseUrl);
  });
  afterAll(async () => {
    await reader.close();
    await gateway.close();
    await drop();
  });

  /** The cost of finding the parents, which is not part of the list's. */
  async function lookUp({ parent }: List, parents: readonly number[]): Promise<number> {
    if (parent === undefined) return 0;
    const key = `${parent.type} ${parents.join()}`;
    const query = `query P($ids: [ID!]!) { nodes(ids: $ids) { ... on ${parent.type} { id } } }`;
    const variables = { ids: parents.map((id) => nodeId(parent.type, id)) };
    const rows = lookUps.get(key) ?? (await reader.rowsRead(() => gateway.data(query, variables)));
    lookUps.set(key, rows);
    return rows;
  }

  /** The rows read for pages of `PAGE` entries each; fails for a page that is not full. */
  async function rowsFor(list: List, given: Record<string, unknown>, parents: readonly number[]): Promise<number> {
    let sizes: number[] = [];
    const rows = await reader.rowsRead(async () => {
      const pages = await askList(gateway, list, { selection: entries(list), parents, ...given });
      sizes = pages.map((page) => page.nodes.length);
    });
    expect({ list: list.name, ...given, sizes }).toEqual({ list: list.name, ...given, sizes: sizes.map(() => PAGE) });
    return rows - (await lookUp(list, parents));
  }

  /** A row deep in a list, and one without a value if there are any. */
  async function deepRows({ table, parent }: List, { column }: ListOrder) {
    return withConnection(databaseUrl, async (connection) => {
      const where = parent === undefined ? '1 = 1' : `${parent.column} = ${MANY}`;
      const select = `SELECT ${column} AS value, id FROM ${table} WHERE ${where} AND ${column}`;
      const [some] = await connection.query(`${select} IS NOT NULL ORDER BY value, id LIMIT 1 OFFSET 3000`);
      const [none] = await connection.query(`${select} IS NULL ORDER BY id LIMIT 1 OFFSET 3000`);
      return none === undefined ? [some] : [some, none];
    });
  }

  test.each(LISTS.map((list) => [list.name, list] as const))(
    'for a page of %s are only those of the page, in every order, with every filter that has an index, at both ends and deep inside',
    async (_, list) => {
      const parents = list.parent === undefined ? [] : [MANY];
      for (const order of list.orders) {
        const deep = await deepRows(list, order);
        for (const one of filtersOf(list, order)) {
          const given = { order, ...one.variables };
          const [page] = await askList(gateway, list, { selection: 'edges { cursor }', parents, ...given, first: 1 });
          const at = deep.map((row) => cursors.movedTo(page?.edges[0]?.cursor, row));
          const asked = [
            { first: PAGE },
            { last: PAGE },
            ...at.flatMap((cursor) => [
              { first: PAGE, after: cursor },
              { last: PAGE, before: cursor },
            ]),
          ];
          for (const bounds of asked) {
            const rows = await rowsFor(list, { ...given, ...bounds }, parents);
            const what = `${order.field} ${order.direction} ${one.name} ${Object.keys(bounds).join()}`;
            expect({ what, rows, isBounded: rows <= maxRows(one) }).toEqual({ what, rows, isBounded: true });
          }
        }
      }
    },
  );

  test('for a page are as many in a list of 10 entries as in one of 10,000', async () => {
    const figures: Record<string, string | number>[] = [];
    for (const list of LISTS.filter((candidate) => candidate.parent !== undefined)) {
      for (const order of list.orders) {
        const rows = async (parents: readonly number[]) => rowsFor(list, { order, first: PAGE }, parents);
        const [few, many, both] = [await rows([FEW]), await rows([MANY]), await rows([FEW, MANY])];
        expect({ list: list.name, order, few, both }).toEqual({ list: list.name, order, few: many, both: few + many });
        figures.push({
          list: list.name,
          order: order.field === undefined ? '' : `${order.field} ${order.direction}`,
          'of 10': few,
          'of 10,000': many,
          'two parents': both,
        });
      }
    }
    printTable(`Rows read for a page of ${PAGE} (the parents not counted)`, figures);
  });

  test('to tell whether there is a previous page are at most two more, in every order', async () => {
    for (const list of LISTS) {
      const parents = list.parent === undefined ? [] : [MANY];
      for (const order of list.orders) {
        const [start] = await askList(gateway, list, { selection: 'edges { cursor }', parents, order, first: 1 });
        for (const row of await deepRows(list, order)) {
          const page = { parents, order, first: PAGE, after: cursors.movedTo(start?.edges[0]?.cursor, row) };
          const rows = await reader.rowsRead(() =>
            askList(gateway, list, { selection: `${entries(list)} pageInfo { hasPreviousPage }`, ...page }),
          );
          const own = rows - (await lookUp(list, parents));
          const most = maxRows({ name: '', variables: {} }) + 2;
          expect({ list: list.name, order, own, isBounded: own <= most }).toMatchObject({ isBounded: true });
        }
      }
    }
  });

  test.each(['Name 00', '493012', '4930123', '030123', 'c000777@', 'Name 001000', 'ame 00', '0123', '00 name'])(
    'for a page of a search for "%s" are bounded by the page and by the number of prefixes, even if thousands match',
    async (text) => {
      // A text without a country code may be a number of many countries. The server looks into each range of the index once.
      const prefixes = Math.max(phoneStarts(text)?.length ?? 0, 1);
      const query =
        'query S($text: String!, $after: String) { searchCustomers(text: $text, first: 5, after: $after) { nodes { id } pageInfo { endCursor } } }';
      const pages: { nodes: unknown[]; pageInfo: { endCursor: string | null } }[] = [];
      for (const _ of [1, 2]) {
        const after = pages.at(-1)?.pageInfo.endCursor ?? null;
        const rows = await reader.rowsRead(async () => {
          pages.push((await gateway.data(query, { text, after })).searchCustomers);
        });
        // Each match in one of three places reads its customer and that one's terms.
        const perMatch = 2 + TERMS;
        const words = text.includes(' ') ? WORDS : 0;
        expect(rows).toBeLessThanOrEqual(3 * (PAGE + SLACK) * perMatch + prefixes + words);
      }
    },
  );

  test('for totalCount are at most 10,001 index entries, all of the list that is counted', async () => {
    const query = 'query C($id: ID!) { node(id: $id) { ... on Customer { orders { totalCount totalCountIsExact } } } }';
    const count = async (id: number) => {
      let answer: unknown;
      const rows = await reader.rowsRead(async () => {
        answer = (await gateway.data(query, { id: nodeId('Customer', id) })).node.orders;
      });
      return { answer, rows };
    };
    const [few, many] = [await count(FEW), await count(MANY)];
    expect(few.answer).toEqual({ totalCount: 10, totalCountIsExact: true });
    expect(many.answer).toEqual({ totalCount: 10_000, totalCountIsExact: true });
    // Each entry is read once, and at most once more to be counted.
    expect(few.rows).toBeLessThanOrEqual(2 * 10 + 10);
    expect(many.rows).toBeLessThanOrEqual(2 * 10_001 + 10);
  });
});
