import type { Connection } from 'mariadb';
import type { FieldChange } from '../../src/generated/graphql.ts';
import { rowOf, type Row } from '../mutations/writing-gateway.ts';
import { asRecorded, TABLES, type RecordedTable } from './tables.ts';

/** An entry of the record of changes. */
export interface Entry {
  /** What was changed, such as `Customer:7`. */
  readonly subject: string;
  /** The customer whose record it is in, after all merges. */
  readonly customerId: string;
  readonly version: number;
  readonly action: string;
  readonly occurredAt: string | null;
  readonly fields: readonly FieldChange[];
}

/** By merged customer, the row that it was merged into, which may have been merged itself since. */
export type Merges = ReadonlyMap<string, string>;

/** The whole record, from the first entry of each object to its last. */
export async function readRecord(connection: Connection): Promise<readonly Entry[]> {
  const rows = await connection.query<Row[]>(
    `SELECT customer_id, subject_type, subject_id, version, action, occurred_at, changes FROM customer_changes
     ORDER BY version, id`,
  );
  return rows.map((row) => ({
    subject: `${asRecorded(row['subject_type']) ?? 'Customer'}:${asRecorded(row['subject_id'] ?? row['customer_id'])}`,
    customerId: String(row['customer_id']),
    version: Number(row['version']),
    action: String(row['action']),
    occurredAt: asRecorded(row['occurred_at']),
    fields: JSON.parse(String(row['changes'])) as FieldChange[],
  }));
}

/** The row whose id is in a field of an entry; undefined if there is no such field. */
function namedRow({ fields }: Entry, name: 'mergedInto' | 'mergedCustomer'): string | undefined {
  const after = fields.find(({ field }) => field === name)?.after;
  return after ? String(rowOf(after)) : undefined;
}

export const readMerges = (record: readonly Entry[]): Merges =>
  new Map(
    record.flatMap((entry) => {
      const into = namedRow(entry, 'mergedInto');
      return into === undefined ? [] : [[entry.subject.replace('Customer:', ''), into] as const];
    }),
  );

/** A customer's row, followed by those that it was merged into, in order. */
export function followed(merges: Merges, row: string): readonly string[] {
  const way = new Set([row]);
  for (let next = merges.get(row); next !== undefined && !way.has(next); next = merges.get(next)) way.add(next);
  return [...way];
}

const marksIn = (text: string | null | undefined): readonly string[] => text?.match(/mark-\d+/g) ?? [];

/** The marks that an entry introduced; those of a merged customer were there before. */
export function marksOf({ action, fields }: Entry): readonly string[] {
  if (action === 'MERGED') return [];
  return fields.flatMap(({ before, after }) => {
    const known = new Set(marksIn(before));
    return [...(after ? [after] : []), ...marksIn(after)].filter((mark) => !known.has(mark));
  });
}

/** Identifies an entry without a mark, for `ChaosMutation.recorded`. */
export function signOf(entry: Entry): string {
  const { action, subject, fields } = entry;
  const [into, other] = [namedRow(entry, 'mergedInto'), namedRow(entry, 'mergedCustomer')];
  if (into !== undefined) return `${action} ${subject} into Customer:${into}`;
  if (other !== undefined) return `${action} ${subject} with Customer:${other}`;
  const [change] = fields;
  if (change === undefined || action === 'DELETED') return `${action} ${subject}`;
  if (change.field !== 'tags') return `${action} ${subject} ${change.field} ${change.after}`;
  const left = new Set(change.after?.split(', '));
  return `${action} without ${change.before
    ?.split(', ')
    .filter((tag) => !left.has(tag))
    .join()}`;
}

/**
 * Replays the record from scratch. Versions must run from 1 without duplicates, and without gaps other than those that merges
 * make; each entry must start with what the previous one left, and the last must leave what is in the tables: exactly those rows,
 * each with its customer.
 * @param entryFaults what is wrong with an entry that leaves an object in this state, by its fields
 * @returns a sentence for each difference
 */
export async function playBack(
  connection: Connection,
  record: readonly Entry[],
  entryFaults: (entry: Entry, state: ReadonlyMap<string, string | null>) => readonly string[],
): Promise<readonly string[]> {
  const faults: string[] = [];
  const things = Map.groupBy(record, ({ subject }) => subject);
  const gone = new Set(
    record
      .filter((entry) => entry.action === 'DELETED' || namedRow(entry, 'mergedInto') !== undefined)
      .map(({ subject }) => subject),
  );
  const left = new Map<string, Left>();
  const ownerOf = (entries: readonly Entry[] | undefined): string => entries?.at(-1)?.customerId ?? '';
  const owned = Map.groupBy(things.keys(), (subject) => `${kindOf(subject)} of ${ownerOf(things.get(subject))}`);
  for (const [subject, entries] of things) {
    // How many of each kind a deletion takes with it is what there was until then.
    const state = new Map<string, string | null>(
      Object.entries(COUNTED).map(([field, kind]) => {
        const count = owned.get(`${kind} of ${ownerOf(entries)}`)?.length;
        return [field, count === undefined ? null : String(count)];
      }),
    );
    let version = 0;
    for (const [i, entry] of entries.entries()) {
      // After a merge, it is later than the last version of either.
      const merged = things.get(`Customer:${namedRow(entry, 'mergedCustomer')}`)?.at(-1)?.version ?? 1;
      version = Math.max(version, merged - 1) + 1;
      faults.push(...chainFaults(entry, { position: i + 1, version, state }));
      const before = entries[i - 1]?.occurredAt ?? '';
      if ((entry.occurredAt ?? '') <= before)
        faults.push(`entry ${i + 1} of ${subject} is of ${entry.occurredAt}, the one before it of ${before}`);
      // The merged customer is a fact about the merge, not a state that the next entry starts with.
      for (const { field, after } of entry.fields) if (field !== 'mergedCustomer') state.set(field, after ?? null);
      if (i === 0) state.set('createdAt', entry.occurredAt);
      state.set('updatedAt', entry.occurredAt);
      faults.push(...entryFaults(entry, state));
    }
    const owner = ownerOf(entries);
    if (!gone.has(subject) && !gone.has(`Customer:${owner}`)) left.set(subject, { state, owner, version });
  }
  // Lists of tags and addresses are longer than MySQL concatenates by default.
  await connection.query('SET SESSION group_concat_max_len = 1000000');
  for (const [type, table] of Object.entries(TABLES)) {
    const rows = new Map<string, Row>();
    for (const row of await connection.query<Row[]>(table.sql)) rows.set(`${type}:${String(row['id'])}`, row);
    for (const [subject, row] of rows) faults.push(...rowFaults(subject, { row, table, left: left.get(subject) }));
    for (const subject of left.keys())
      if (subject.startsWith(`${type}:`) && !rows.has(subject)) faults.push(`${subject} is missing`);
  }
  return faults;
}

/** What a deletion's entry counts, by its field. */
const COUNTED = { orders: 'Order', tickets: 'Ticket', interactions: 'Interaction' };

const kindOf = (subject: string): string => subject.slice(0, subject.indexOf(':'));

/** The state of an object at the end of the record. */
interface Left {
  readonly state: ReadonlyMap<string, string | null>;
  readonly owner: string;
  readonly version: number;
}

function chainFaults(
  { subject, version, action, fields }: Entry,
  expected: { position: number; version: number; state: ReadonlyMap<string, string | null> },
): readonly string[] {
  const { position, state } = expected;
  const faults: string[] = [];
  const where = `entry ${position} of ${subject}`;
  if (version !== expected.version) faults.push(`${where} has version ${version}`);
  if ((action === 'CREATED') !== (position === 1)) faults.push(`${where} is ${action}`);
  for (const { field, before = null } of fields)
    if ((state.get(field) ?? null) !== before)
      faults.push(`${where} says that ${field} was ${before}, the one before it ${state.get(field) ?? null}`);
  return faults;
}

function rowFaults(
  subject: string,
  { row, table, left }: { row: Row; table: RecordedTable; left: Left | undefined },
): readonly string[] {
  if (left === undefined) return [`${subject} is there, and nothing in the record has left it there`];
  const { state, owner, version } = left;
  const faults: string[] = [];
  for (const [field, column] of Object.entries(table.columns))
    if ((state.get(field) ?? null) !== asRecorded(row[column]))
      faults.push(`${subject}.${field} is ${asRecorded(row[column])}, in the record ${state.get(field) ?? null}`);
  if ('version' in row && row['version'] !== version)
    faults.push(`${subject} has version ${String(row['version'])}, in the record ${version}`);
  if ('customer_id' in row && String(row['customer_id']) !== owner)
    faults.push(`${subject} belongs to Customer:${String(row['customer_id'])}, in the record to Customer:${owner}`);
  return faults;
}

/** Each merged customer must lead to where the record says, as long as that exists, and so must its external id. */
export async function mergesAgree(connection: Connection, record: readonly Entry[]): Promise<readonly string[]> {
  const deleted = new Set(record.filter(({ action }) => action === 'DELETED').map(({ subject }) => subject));
  const merges = readMerges(record);
  const expected = new Map<string, string>();
  for (const entry of record) {
    if (namedRow(entry, 'mergedInto') === undefined) continue;
    const [merged = '', ...way] = followed(merges, entry.subject.replace('Customer:', ''));
    const kept = way.at(-1) ?? '';
    const externalId = entry.fields.find(({ field }) => field === 'externalId')?.before ?? null;
    if (!deleted.has(`Customer:${kept}`)) expected.set(merged, `Customer:${kept}, its external id ${externalId}`);
  }
  const faults: string[] = [];
  for (const row of await connection.query<Row[]>('SELECT merged_id, kept_id, external_id FROM customer_merges')) {
    const merged = String(row['merged_id']);
    const found = `Customer:${String(row['kept_id'])}, its external id ${asRecorded(row['external_id'])}`;
    if (expected.get(merged) !== found)
      faults.push(`Customer:${merged} leads to ${found}, in the record to ${expected.get(merged) ?? 'nothing'}`);
    expected.delete(merged);
  }
  for (const [merged, to] of expected) faults.push(`Customer:${merged} leads nowhere, in the record to ${to}`);
  return faults;
}
