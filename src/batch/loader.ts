import type { Reader } from '../db/database.ts';
import type { ChildTable, RowId, Table } from './table.ts';

/** What loaders need from the request that they belong to. */
export interface BatchContext {
  readonly db: Reader;
  /** The columns of a table that the request's document can need, including `id`. */
  readonly columnsOf: (table: Table) => readonly string[];
  /** Whether the request's document can ask for a cursor, which needs the column that its list is sorted by. */
  readonly readsCursors: boolean;
  /** The agent whose customers are the only ones to be read, with what belongs to them; undefined for all. */
  readonly owner?: RowId | undefined;
  /** Tags of everything that was read for the request. */
  readonly tags: Set<string>;
  /** Dispatches a batch once its last key is there. */
  readonly schedule: (dispatch: () => void) => void;
}

/** Creates a loader for one request. Its name in the type's `loaders` is how relations find it. */
export interface LoaderFactory<Loader> {
  (context: BatchContext): Loader;
  /** The table that it reads, if that has a GraphQL type. */
  readonly table?: Table;
  /** The table that it reads, if its rows belong to a row of another table. */
  // `any`: of any columns.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly childTable?: ChildTable<any>;
}
