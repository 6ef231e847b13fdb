import type { Connection } from 'mariadb';
import { quoted } from '../../errors.ts';
import { isGiven } from '../../given.ts';
import { lockRows, type StoredRow, type StoredValue } from './locks.ts';
import type { TargetRecord } from './records.ts';
import { isVersioned, keyColumn, TARGETS, type TableTarget } from './targets.ts';

export interface RejectedOutcome {
  readonly kind: 'rejected';
  readonly problem: string;
  /** What it concerns; the record as a whole if neither is given. */
  readonly field?: string | undefined;
  readonly column?: string | undefined;
  /** Set if another row has a value that this one needs, and may give it up: the key of that row, or null if it has none. */
  readonly holder?: string | null;
}

/** The outcome of a record. */
export type Outcome = { readonly kind: 'created' | 'updated' | 'unchanged' } | RejectedOutcome;

export const CREATED: Outcome = { kind: 'created' };
export const UPDATED: Outcome = { kind: 'updated' };
export const UNCHANGED: Outcome = { kind: 'unchanged' };
export const rejected = (
  problem: string,
  about: Pick<RejectedOutcome, 'field' | 'column' | 'holder'> = {},
): RejectedOutcome => ({ kind: 'rejected', problem, ...about });

/** An item that must exist, such as the outcome of a row. */
export function itemAt<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new RangeError(`expected more than ${index} items, got ${list.length}`);
  return item;
}

type Column = string | null;
/** A record with its references resolved, and the stored row that it matches, if any. */
export interface ResolvedRecord {
  readonly record: TargetRecord;
  /** By column. */
  readonly columns: ReadonlyMap<string, Column>;
  readonly stored: StoredRow | undefined;
  /** Columns that differ from the stored row; all of them for a new one. */
  readonly changed: ReadonlyMap<string, Column>;
}

/** Whether a record was not rejected. */
export function isResolved(one: ResolvedRecord | Outcome): one is ResolvedRecord {
  return 'record' in one;
}

/** The id of the stored row that a record matches; none if there is no such row. */
export const storedId = ({ stored }: ResolvedRecord): readonly string[] => idsIn([stored?.['id']]);

/** The customers that a record concerns: the owner of the stored row, and the one that it names. */
export const customersOf = ({ columns, stored }: ResolvedRecord): readonly string[] =>
  idsIn([stored?.['customer_id'], columns.get('customer_id')]);

/** The customer that the row of a record belongs to once it is written. */
export const customerOf = ({ columns, stored }: ResolvedRecord): string =>
  columns.get('customer_id') ?? String(stored?.['customer_id']);

const idsIn = (values: readonly StoredValue[]): readonly string[] => values.filter(isGiven).map(String);

/** Ids by key, for the keys that exist. One statement. */
export async function idsByKey(
  connection: Connection,
  place: { table: string; column: string },
  keys: readonly string[],
): Promise<Map<string, string>> {
  if (keys.length === 0) return new Map();
  const rows = await connection.query<{ id: bigint; name: string }[]>(
    `SELECT id, ${place.column} AS name FROM ${place.table} WHERE ${place.column} IN (?)`,
    [keys],
  );
  return new Map(rows.map((row) => [row.name, String(row.id)]));
}

/**
 * Resolves what records refer to, locks the customers that they concern and then the existing rows, and finds what differs. A customer
 * that was merged into another is left alone, since the other one's values apply.
 * @returns for each record, in order, what to write, or its outcome
 */
export async function resolveRecords(
  connection: Connection,
  target: TableTarget,
  records: readonly TargetRecord[],
): Promise<(ResolvedRecord | Outcome)[]> {
  // Servers do not accept `IN ()`, and a batch may have become empty.
  if (records.length === 0) return [];
  const spec = TARGETS[target];
  const references = await lookUpReferences(connection, target, records);
  const resolved = records.map((record) => columnsOf(target, record, references));
  const customers = resolved.flatMap((columns) => ('kind' in columns ? [] : [columns.get('customer_id') ?? []])).flat();
  const key = keyColumn(spec);
  const keys = records.map((record) => record.key);
  const stored = await lockRows(connection, target, { keys, customers });
  if (stored === undefined) return resolveRecords(connection, target, records);
  const merged = target === 'customers' ? await mergedCustomers(connection, keys) : new Map<string, string>();
  return records.map((record, index) => {
    const columns = itemAt(resolved, index);
    if ('kind' in columns) return columns;
    const row = stored.get(record.key);
    if (row === undefined && merged.has(record.key)) return UNCHANGED;
    const changed = new Map(
      [...columns].filter(([column, value]) => column !== key && (row === undefined || !isSame(row[column], value))),
    );
    return { record, columns, stored: row, changed };
  });
}

function isSame(stored: StoredValue, value: Column): boolean {
  if (!isGiven(stored) || value === null) return (stored ?? null) === value;
  return String(stored) === value;
}

/** Whether a file leaves a list as it is stored: it says nothing about it, or the same. */
export const isUnchanged = (before: unknown, after: unknown): boolean =>
  after === undefined || JSON.stringify(before) === JSON.stringify(after);

/** By external id of a merged customer, the id of the one that it was merged into. */
async function mergedCustomers(connection: Connection, keys: readonly string[]): Promise<Map<string, string>> {
  if (keys.length === 0) return new Map();
  const rows = await connection.query<{ kept_id: bigint; external_id: string }[]>(
    'SELECT kept_id, external_id FROM customer_merges WHERE external_id IN (?)',
    [keys],
  );
  return new Map(rows.map((row) => [row.external_id, String(row.kept_id)]));
}

type References = ReadonlyMap<TableTarget, ReadonlyMap<string, string>>;

async function lookUpReferences(
  connection: Connection,
  target: TableTarget,
  records: readonly TargetRecord[],
): Promise<References> {
  const wanted = new Map<TableTarget, Set<string>>();
  for (const [name, field] of Object.entries(TARGETS[target].fields)) {
    if (field.kind !== 'reference') continue;
    const keys = wanted.get(field.target) ?? new Set();
    wanted.set(field.target, keys);
    for (const record of records) {
      const key = record.values.get(name);
      if (isGiven(key)) keys.add(key);
    }
  }
  const found = new Map<TableTarget, ReadonlyMap<string, string>>();
  for (const [other, keys] of wanted) {
    const place = { table: TARGETS[other].table, column: keyColumn(TARGETS[other]) };
    const merged = other === 'customers' ? await mergedCustomers(connection, [...keys]) : [];
    found.set(other, new Map([...merged, ...(await idsByKey(connection, place, [...keys]))]));
  }
  return found;
}

function columnsOf(
  target: TableTarget,
  record: TargetRecord,
  references: References,
): ReadonlyMap<string, Column> | Outcome {
  const columns = new Map<string, Column>();
  for (const [name, value] of record.values) {
    const field = TARGETS[target].fields[name];
    if (field === undefined) continue;
    if (field.kind !== 'reference' || value === null) {
      columns.set(field.column, value);
      continue;
    }
    const id = references.get(field.target)?.get(value);
    if (id === undefined)
      return rejected(`${name}: expected one of the ${field.target} in the database, got ${quoted(value)}`, {
        field: name,
      });
    columns.set(field.column, id);
  }
  return columns;
}

/** Inserts new rows, and updates changed ones and their versions. Returns the ids of the written rows, by key. */
export async function writeRecords(
  connection: Connection,
  target: TableTarget,
  batch: { records: readonly ResolvedRecord[]; now: string },
): Promise<Map<string, string>> {
  const spec = TARGETS[target];
  const created = batch.records.filter((one) => one.stored === undefined);
  const changed = batch.records.filter((one) => one.stored !== undefined && one.changed.size > 0);
  const times = new Map<string, Column>(spec.hasUpdatedAt ? [['updated_at', batch.now]] : []);
  if ('createdAt' in spec.fields) times.set('created_at', batch.now);
  await insertRows(
    connection,
    spec.table,
    created.map((one) => new Map([...times, ...one.columns])),
  );
  const updated = spec.hasUpdatedAt ? new Map([['updated_at', batch.now]]) : new Map<string, Column>();
  const bump = isVersioned(target) ? ', version = version + 1' : '';
  for (const one of changed) {
    // A mapped time stays the file's, or else importing the same file again would change the row.
    const time = one.columns.has('updated_at') ? [] : updated;
    const values = new Map<string, Column>([...time, ...one.changed]);
    const assignments = [...values.keys()].map((column) => `${column} = ?`).join(', ');
    await connection.query(`UPDATE ${spec.table} SET ${assignments}${bump} WHERE id = ?`, [
      ...values.values(),
      one.stored?.['id'],
    ]);
  }
  // The order of generated ids is not reliable, so they are queried.
  const keys = created.map((one) => one.record.key);
  const ids = await idsByKey(connection, { table: spec.table, column: keyColumn(spec) }, keys);
  for (const one of changed) ids.set(one.record.key, String(one.stored?.['id']));
  return ids;
}

/** Inserts rows with one multi-row INSERT. All must have the same columns. */
export async function insertRows(
  connection: Connection,
  table: string,
  rows: readonly ReadonlyMap<string, unknown>[],
): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  const columns = [...first.keys()];
  const tuple = `(${columns.map(() => '?').join(',')})`;
  await connection.query(
    `INSERT INTO ${table} (${columns.join(',')}) VALUES ${rows.map(() => tuple).join(',')}`,
    rows.flatMap((row) => columns.map((column) => row.get(column) ?? null)),
  );
}
