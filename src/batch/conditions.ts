import type { Table } from './table.ts';

/** A list of a table's rows: all of them, or those of one parent. */
export interface ListSource {
  /** For counting statements and naming cursors, such as `Customer.orders`. */
  readonly name: string;
  readonly table: Table;
  /** The column that holds the parent's id; undefined for a list of everything. */
  readonly parent: string | undefined;
}

/** What a row must meet; several are joined by AND. Values are in the column's own form. */
export type Condition =
  /** Equal to one of the values; one value makes an index's prefix, several make one bounded read each. */
  | { readonly kind: 'in'; readonly column: string; readonly values: readonly string[] }
  /** From `from` inclusive to `to` exclusive; null leaves an end open. */
  | { readonly kind: 'range'; readonly column: string; readonly from: string | null; readonly to: string | null }
  /** Begins with one of the texts, by the column's collation; none of them is the start of another. */
  | { readonly kind: 'startsWith'; readonly column: string; readonly texts: readonly string[] }
  /** Has a row in a side table, which repeats the sort columns so that a page is read from its index. */
  | { readonly kind: 'labelled'; readonly side: SideTable; readonly value: string };

/** A table of (key of the main table, label) rows with copies of the main table's sort columns. */
export interface SideTable {
  readonly name: string;
  /** The column that holds the main table's id. */
  readonly key: string;
  readonly label: string;
  /** A column of the main table that it repeats as well, with indexes for each order that begin with it. */
  readonly lead: string;
}

/** Where a page begins or ends: the sort value and the id of a row that may be gone by now. */
export interface Position {
  readonly value: string | number | null;
  readonly id: string;
}

/** Which rows, and in what order. Two queries with equal `signature`s differ in nothing but the parent. */
export interface ListQuery {
  readonly conditions: readonly Condition[];
  /** The column to sort by; ties are broken by id in the same direction. */
  readonly sort: { readonly column: string; readonly descending: boolean };
  readonly signature: string;
}

/** A page of a list: up to `limit` rows that follow `from`, in the list's order or, `backward`, against it. */
export interface PageQuery extends ListQuery {
  readonly limit: number;
  readonly backward: boolean;
  readonly from: Position | undefined;
}
