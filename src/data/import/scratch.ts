import { DatabaseSync } from 'node:sqlite';
import { createKeptRows, type KeptRows } from './kept-rows.ts';
import type { RowPlace } from './source-file.ts';

/** An item of an order, waiting for its order. */
export interface StagedItem extends RowPlace {
  /** Its contents, or why it is invalid. */
  readonly content: ItemContent | ItemProblem;
}

export interface ItemProblem {
  readonly problem: string;
  readonly column?: string | undefined;
}

export interface ItemContent {
  readonly product: string;
  readonly quantity: number;
  /**
   * DECIMAL text: the unit price, or the item's total if the file has that instead, perhaps to be rounded to the currency's unit.
   */
  readonly price: { readonly unitPrice: string } | { readonly total: string; readonly isRounded: boolean };
  readonly discount: string;
}

interface Seen {
  readonly place: string;
  readonly content: string;
}

/**
 * What an import must remember across batches: joined files, keys seen, items of orders. It is an SQLite file, deleted on close,
 * so that memory use does not depend on the size of the files.
 */
export interface Scratch {
  /** Stores a row of a joined file; returns false if the key exists already. */
  putJoinRow(join: string, key: string, cells: readonly string[]): boolean;
  joinRow(join: string, key: string): readonly string[] | undefined;
  /** Where a target's key was first seen, and its content then; if never, remembers it and returns undefined. */
  firstOf(target: string, key: string, now: Seen): Seen | undefined;
  readonly keptRows: KeptRows;
  stageItem(order: string, item: StagedItem): void;
  /** In the order they were staged. */
  itemsOf(order: string): readonly StagedItem[];
  forgetItemsOf(order: string): void;
  /** Up to `limit` orders that still have items. */
  ordersWithItems(limit: number): readonly string[];
  /** Remembers where an order was rejected, for its items. */
  rejectOrder(order: string, place: string): void;
  whereOrderWasRejected(order: string): string | undefined;
  close(): void;
}

/** Creates an empty scratch. */
export function createScratch(): Scratch {
  // With an empty name, SQLite uses a temporary file of its own.
  const database = new DatabaseSync('');
  database.exec(`
    PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384;
    CREATE TABLE joined (name TEXT, key TEXT, cells TEXT, PRIMARY KEY (name, key)) WITHOUT ROWID;
    CREATE TABLE seen (target TEXT, key TEXT, place TEXT, content TEXT, PRIMARY KEY (target, key)) WITHOUT ROWID;
    CREATE TABLE item (id INTEGER PRIMARY KEY, order_key TEXT, content TEXT);
    CREATE INDEX item_order ON item (order_key, id);
    CREATE TABLE rejected_order (key TEXT PRIMARY KEY, place TEXT) WITHOUT ROWID;
    BEGIN;
  `);
  const prepare = (sql: string) => database.prepare(sql);
  const insertJoined = prepare('INSERT OR IGNORE INTO joined VALUES (?, ?, ?)');
  const selectJoined = prepare('SELECT cells FROM joined WHERE name = ? AND key = ?');
  const insertSeen = prepare('INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?)');
  const selectSeen = prepare('SELECT place, content FROM seen WHERE target = ? AND key = ?');
  const insertItem = prepare('INSERT INTO item (order_key, content) VALUES (?, ?)');
  const selectItems = prepare('SELECT content FROM item WHERE order_key = ? ORDER BY id');
  const deleteItems = prepare('DELETE FROM item WHERE order_key = ?');
  const selectOrders = prepare('SELECT DISTINCT order_key FROM item ORDER BY order_key LIMIT ?');
  const insertRejected = prepare('INSERT OR IGNORE INTO rejected_order VALUES (?, ?)');
  const selectRejected = prepare('SELECT place FROM rejected_order WHERE key = ?');
  return {
    putJoinRow: (join, key, cells) => insertJoined.run(join, key, JSON.stringify(cells)).changes === 1,
    joinRow(join, key) {
      const cells = textOf(selectJoined.get(join, key), 'cells');
      return cells === undefined ? undefined : (JSON.parse(cells) as string[]);
    },
    firstOf(target, key, { place, content }) {
      if (insertSeen.run(target, key, place, content).changes === 1) return undefined;
      const row = selectSeen.get(target, key);
      return { place: textOf(row, 'place') ?? '', content: textOf(row, 'content') ?? '' };
    },
    keptRows: createKeptRows(database),
    stageItem: (order, item) => void insertItem.run(order, JSON.stringify(item)),
    itemsOf: (order) => selectItems.all(order).map((row) => JSON.parse(String(row['content'])) as StagedItem),
    forgetItemsOf: (order) => void deleteItems.run(order),
    ordersWithItems: (limit) => selectOrders.all(limit).map((row) => String(row['order_key'])),
    rejectOrder: (order, place) => void insertRejected.run(order, place),
    whereOrderWasRejected: (order) => textOf(selectRejected.get(order), 'place'),
    close: () => database.close(),
  };
}

function textOf(row: Record<string, unknown> | undefined, column: string): string | undefined {
  const value = row?.[column];
  return typeof value === 'string' ? value : undefined;
}
