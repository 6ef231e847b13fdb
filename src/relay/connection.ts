import { hash } from 'node:crypto';
import type { Condition, PageQuery, Position } from '../batch/list-query.ts';
import type { ListLoaders, Page } from '../batch/lists.ts';
import { COUNT_BOUND } from '../batch/statements.ts';
import { id, type RowId } from '../batch/table.ts';
import { createError } from '../errors.ts';
import { isGiven } from '../given.ts';
import type { Cursors, CursorScope } from './cursor.ts';

/** The arguments of every connection field, as in the Relay Cursor Connections specification. */
export interface ConnectionArgs {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

/** The settings that all pages of a gateway share. */
export interface Paging {
  readonly pageSizeDefault: number;
  readonly pageSizeMax: number;
  readonly cursors: Cursors;
}

/** What a connection field asks for, apart from the page. */
export interface ListRequest {
  readonly parent: RowId | null;
  readonly conditions: readonly Condition[];
  /** `name` is the order's name in cursors, such as `PLACED_AT DESC`. */
  readonly sort: { readonly column: string; readonly descending: boolean; readonly name: string };
}

export interface Edge<Row> {
  readonly node: Row;
  readonly cursor: string;
}

export interface PageInfo {
  readonly startCursor: string | null;
  readonly endCursor: string | null;
  hasNextPage(): boolean | Promise<boolean>;
  hasPreviousPage(): boolean | Promise<boolean>;
}

/** A page of a list. It reads only what is asked for: `totalCount` alone reads no page, and a page alone counts nothing. */
export interface Connection<Row> {
  nodes(): Promise<readonly Row[]>;
  edges(): Promise<readonly Edge<Row>[]>;
  pageInfo(): Promise<PageInfo>;
  /** Exact up to 10,000, and 10,000 for anything above. */
  totalCount(): Promise<number>;
  totalCountIsExact(): Promise<boolean>;
}

/**
 * Creates the value that a connection field resolves to.
 * @param loaders the list's loaders for this request
 * @throws BAD_USER_INPUT naming the argument, what was expected and what was given
 */
export function createConnection<Row extends { readonly id: RowId; readonly [column: string]: unknown }>(
  loaders: ListLoaders<Row>,
  request: ListRequest,
  page: { readonly args: ConnectionArgs; readonly paging: Paging },
): Connection<Row> {
  const { source } = loaders;
  const { parent, conditions, sort } = request;
  const conditionsText = conditions.length === 0 ? '' : JSON.stringify(conditions);
  const scope = new ListScope(source, { parent, order: sort, conditionsText });
  const { limit, backward, from } = parsePage(scope, page);
  const query: PageQuery = {
    conditions,
    sort,
    limit,
    backward,
    from,
    batchKey: `${sort.name} ${limit} ${backward} ${from === undefined ? '' : JSON.stringify(from)} ${conditionsText}`,
  };
  const countQuery = { ...query, batchKey: conditionsText };
  const { cursors } = page.paging;
  const cursorOf: CursorOf<Row> = (row) => {
    const value = row[sort.column];
    // Left out of the statement (`BatchContext.readsCursors`).
    if (value === undefined) throw new TypeError(`${source.name}: expected ${sort.column} to be read for a cursor`);
    return cursors.encode(scope, { value: sortValue(value), id: row.id });
  };
  let loaded: Promise<Page<Row>> | undefined;
  const load = () => (loaded ??= loaders.page(parent, query));
  // The rows on the other side of the page start with the cursor's own row.
  const otherSide = () => (from === undefined ? false : loaders.exists(parent, query, { from, backward: !backward }));

  return {
    nodes: async () => (await load()).rows,
    edges: async () => (await load()).rows.map((node) => new PageEdge(node, cursorOf)),
    pageInfo: async () => new PageBounds(await load(), { cursorOf, backward, otherSide }),
    totalCount: async () => Math.min(await loaders.count(parent, countQuery), COUNT_BOUND),
    totalCountIsExact: async () => (await loaders.count(parent, countQuery)) <= COUNT_BOUND,
  };
}

type CursorOf<Row> = (row: Row) => string;

/** Its cursor is made only if it is asked for: that takes longer than all the rest of a row. A class for the same reason as `ListScope`. */
class PageEdge<Row> implements Edge<Row> {
  readonly node: Row;
  readonly #cursorOf: CursorOf<Row>;

  constructor(node: Row, cursorOf: CursorOf<Row>) {
    this.node = node;
    this.#cursorOf = cursorOf;
  }

  get cursor(): string {
    return this.#cursorOf(this.node);
  }
}

interface PageBoundsOptions<Row> {
  readonly cursorOf: CursorOf<Row>;
  readonly backward: boolean;
  /** Whether there is a row before the page, in the direction of reading. */
  readonly otherSide: () => boolean | Promise<boolean>;
}

/** Likewise, its cursors are made only if they are asked for. */
class PageBounds<Row> implements PageInfo {
  readonly #page: Page<Row>;
  readonly #options: PageBoundsOptions<Row>;

  constructor(page: Page<Row>, options: PageBoundsOptions<Row>) {
    this.#page = page;
    this.#options = options;
  }

  get startCursor(): string | null {
    return this.#cursorAt(0);
  }

  get endCursor(): string | null {
    return this.#cursorAt(-1);
  }

  hasNextPage(): boolean | Promise<boolean> {
    return this.#options.backward ? this.#options.otherSide() : this.#page.hasMore;
  }

  hasPreviousPage(): boolean | Promise<boolean> {
    return this.#options.backward ? this.#page.hasMore : this.#options.otherSide();
  }

  #cursorAt(index: 0 | -1): string | null {
    const row = this.#page.rows.at(index);
    return row === undefined ? null : this.#options.cursorOf(row);
  }
}

/**
 * A class, so that its accessor is defined once: for each object literal with an accessor V8 creates a hidden class that lives
 * until the next full garbage collection (40 KB a page, measured 2026-11-23).
 */
class ListScope implements CursorScope {
  readonly list: string;
  readonly order: string;
  readonly column: CursorScope['column'];
  readonly #identity: string;
  #listHash: string | undefined;

  constructor(
    source: ListLoaders<unknown>['source'],
    list: { readonly parent: RowId | null; readonly order: ListRequest['sort']; readonly conditionsText: string },
  ) {
    this.list = source.name;
    this.order = list.order.name;
    this.column = source.table.columns[list.order.column] ?? id(list.order.column);
    this.#identity = `${list.parent} ${list.conditionsText}`;
  }

  /** Lazy: only pages that take or return a cursor need it. */
  get listHash(): string {
    return (this.#listHash ??= hash('sha256', this.#identity, 'base64url').slice(0, 8));
  }
}

const sortValue = (value: unknown): Position['value'] =>
  typeof value === 'string' || typeof value === 'number' ? value : null;

function parsePage(
  scope: CursorScope,
  { args, paging }: { args: ConnectionArgs; paging: Paging },
): { limit: number; backward: boolean; from: Position | undefined } {
  const { first, after, last, before } = args;
  refuseTogether({ first, last }, { after, last }, { before, first }, { after, before });
  const backward = isGiven(last) || isGiven(before);
  const limit = backward ? pageSize('last', last, paging) : pageSize('first', first, paging);
  const [argument, cursor] = backward ? (['before', before] as const) : (['after', after] as const);
  const from = isGiven(cursor) ? paging.cursors.decode(scope, cursor, argument) : undefined;
  return { limit, backward, from };
}

function refuseTogether(...pairs: readonly Readonly<Record<string, unknown>>[]): void {
  for (const pair of pairs) {
    const [a, b] = Object.keys(pair);
    if (Object.values(pair).every(isGiven))
      throw createError('BAD_USER_INPUT', `Arguments "${a}" and "${b}": expected at most one of them, got both.`);
  }
}

function pageSize(argument: 'first' | 'last', given: number | null | undefined, paging: Paging): number {
  if (!isGiven(given)) return paging.pageSizeDefault;
  if (given >= 1 && given <= paging.pageSizeMax) return given;
  throw createError('BAD_USER_INPUT', `Argument "${argument}": expected 1 to ${paging.pageSizeMax}, got ${given}.`);
}

export const connectionResolvers = {
  nodes: <Row>(connection: Connection<Row>) => connection.nodes(),
  edges: <Row>(connection: Connection<Row>) => connection.edges(),
  pageInfo: <Row>(connection: Connection<Row>) => connection.pageInfo(),
  totalCount: <Row>(connection: Connection<Row>) => connection.totalCount(),
  totalCountIsExact: <Row>(connection: Connection<Row>) => connection.totalCountIsExact(),
};

/** The resolvers of `PageInfo`. The far side of the page is queried only if the client asks about it. */
export const pageInfoResolvers = {
  hasNextPage: (info: PageInfo) => info.hasNextPage(),
  hasPreviousPage: (info: PageInfo) => info.hasPreviousPage(),
};
