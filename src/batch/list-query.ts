import type { RowId, Table } from './table.ts';

/** A list of a table's rows: all of them, or those of one parent. */
export interface ListSource {
  /** Names statements in metrics, and the list in cursors, such as `Customer.orders`. */
  readonly name: string;
  readonly table: Table;
  /** The column that holds the parent's id; undefined for a list without a parent. */
  readonly parent: string | undefined;
}

/** What a row must satisfy; several are joined by AND. Values are in the column's own format. */
export type Condition =
  /** Equal to one of the values. A single value becomes an index prefix, several become one bounded read each. */
  | { readonly kind: 'in'; readonly column: string; readonly values: readonly string[] }
  /** From `from` inclusive to `to` exclusive; null leaves an end open. */
  | { readonly kind: 'range'; readonly column: string; readonly from: string | null; readonly to: string | null }
  /** Begins with one of the texts, by the column's collation. None of the texts is a prefix of another. */
  | { readonly kind: 'startsWith'; readonly column: string; readonly texts: readonly string[] }
  /** Belongs to a customer of this agent. */
  | { readonly kind: 'owned'; readonly owner: RowId }
  /** Has a row with the value in an index table. */
  | { readonly kind: 'has'; readonly indexTable: IndexTable; readonly value: string };

/**
 * A table that stands in for an index on values of which a row has several, such as tags: a row for each of them, with copies of
 * the main table's sort columns, so that a page can be read from its indexes.
 */
export interface IndexTable {
  readonly name: string;
  /** The column that holds the main table's id. */
  readonly key: string;
  readonly valueColumn: string;
  /** Another column of the main table that it duplicates, with which further indexes begin, one for each order. */
  readonly prefixColumn: string;
}

/** The boundary of a page: the sort value and id of a row, which may have been deleted since. */
export interface Position {
  readonly value: string | number | null;
  readonly id: string;
}

/** Which rows, and in what order. Two queries with equal `batchKey`s differ only in the parent. */
export interface ListQuery {
  readonly conditions: readonly Condition[];
  /** The column to sort by; ties are broken by id in the same direction. */
  readonly sort: { readonly column: string; readonly descending: boolean };
  readonly batchKey: string;
}

/** A page of a list: up to `limit` rows after `from`, in the list's order, or in reverse if `backward`. */
export interface PageQuery extends ListQuery {
  readonly limit: number;
  readonly backward: boolean;
  readonly from: Position | undefined;
}
