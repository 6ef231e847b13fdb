import type { Position } from '../../../batch/list-query.ts';
import type { ListLoaders } from '../../../batch/lists.ts';
import type { BatchContext } from '../../../batch/loader.ts';
import { rowDecoder, text } from '../../../batch/table.ts';
import { createConnection, type Connection, type ConnectionArgs, type Paging } from '../../../relay/connection.ts';
import { listTag, rowTag } from '../../../batch/tags.ts';
import { customers, type CustomerRow } from '../table.ts';
import type { Search } from './search.ts';
import {
  isMatchText,
  matchText,
  searchCount,
  searchExists,
  searchPage,
  SEARCH_FIELD,
  wordCounts,
  type SearchStatement,
} from './statements.ts';

/** A customer, and its place in the order of a search. */
type Found = CustomerRow & { readonly match: string };

/** Customers with the column by which a search is sorted, which no table has. */
const found = {
  ...customers,
  columns: { ...customers.columns, match: { ...text('match'), accepts: isMatchText } },
};

/** How a search is sorted. */
const BY_MATCH = { column: 'match', descending: false, name: 'MATCH' } as const;

type SearchLoaders = (search: Search) => ListLoaders<Found>;

/**
 * Creates the value of a field that searches.
 * @throws BAD_USER_INPUT as `createConnection` does
 */
export const searchConnection = (
  loaders: SearchLoaders,
  search: Search,
  page: { readonly args: ConnectionArgs; readonly paging: Paging },
): Connection<Found> =>
  createConnection(
    loaders(search),
    {
      parent: null,
      // Tells searches apart; the loaders know the rest.
      conditions: [{ kind: 'startsWith', column: search.column, texts: search.starts }],
      sort: BY_MATCH,
    },
    page,
  );

/**
 * The factory of a function that returns the loaders of a search's pages, of which one statement each reads a page, tells whether
 * there is a row before it, and counts; if the text has several words, one more before them finds the rarest one.
 */
export const searchLoaders =
  (context: BatchContext): SearchLoaders =>
  (search) => {
    const { db, tags } = context;
    let rarest: Promise<SearchStatement> | undefined;
    const statement = (): Promise<SearchStatement> => {
      // A customer that is written may enter the list.
      tags.add(listTag(customers.type));
      return (rarest ??= withRarest(context, search));
    };
    let counted: Promise<number> | undefined;
    return {
      source: { name: SEARCH_FIELD, table: found, parent: undefined },
      async page(_, { limit, from }) {
        const columns = [...new Set(['id', ...context.columnsOf(customers)])];
        const raw = await db.read(searchPage(await statement(), { columns, limit: limit + 1, from }));
        const decode = rowDecoder(customers.columns, columns);
        const rows = raw.map((row): Found => {
          const [place, matched] = row.slice(columns.length);
          return { ...decode(row), match: matchText({ place: Number(place), matched: String(matched) }) };
        });
        for (const row of rows) tags.add(rowTag(customers, row));
        return { rows: rows.slice(0, limit), hasMore: rows.length > limit };
      },
      async exists(_, __, seek: { from: Position; backward: boolean }) {
        const rows = await db.read(searchExists(await statement(), seek));
        return rows.length > 0;
      },
      count: () =>
        (counted ??= statement().then(async (one) => {
          const [row] = await db.read(searchCount(one));
          return Number(row?.[0]);
        })),
    };
  };

async function withRarest({ db, owner }: BatchContext, search: Search): Promise<SearchStatement> {
  if (search.words.length === 0) return { search, rarest: undefined, owner };
  const { statement, probed } = wordCounts(search.words);
  const counts = new Map((await db.read(statement)).map(([word, n]) => [Number(word), Number(n)]));
  const countOf = (word: string): number => counts.get(probed.indexOf(word)) ?? 0;
  // The longest of equally rare ones.
  return { search, owner, rarest: probed.reduce((best, word) => (countOf(word) < countOf(best) ? word : best)) };
}
