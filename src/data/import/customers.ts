import type { Connection } from 'mariadb';
import { ADDRESS_FIELDS, textOfAddresses, textOfTags } from '../../crm/customer/recorded.ts';
import { SEARCHED } from '../../crm/customer/search/terms.ts';
import { rewriteTerms } from '../search-terms.ts';
import { freeEmails, settleEmails } from './emails.ts';
import {
  CREATED,
  insertRows,
  isResolved,
  isUnchanged,
  resolveRecords,
  storedId,
  UNCHANGED,
  UPDATED,
  writeRecords,
  type Outcome,
  type ResolvedRecord,
} from './upsert.ts';
import { changedFields, recordEntries, type Authorship } from './recorded.ts';
import type { AddressRow, TargetRecord } from './records.ts';
import { ADDRESS_PARTS } from './targets.ts';

const ADDRESS_COLUMNS = Object.values(ADDRESS_PARTS).map(({ column }) => column);

interface Owned {
  readonly tags: readonly string[];
  readonly addresses: readonly AddressRow[];
}

/** A customer to write, with the tags and addresses it had before. `tags` and `addresses` are undefined if unchanged. */
interface CustomerWrite {
  readonly one: ResolvedRecord;
  readonly before: Owned;
  readonly tags: readonly string[] | undefined;
  readonly addresses: readonly AddressRow[] | undefined;
}

/**
 * Writes a batch of customers with tags, addresses, statistics and an entry in the record of changes, in the open transaction.
 * Mapped fields get the file's value, the others stay as they are.
 * @param by the time of the changes, and who is recorded as their author
 */
export async function writeCustomers(
  connection: Connection,
  records: readonly TargetRecord[],
  by: Authorship,
): Promise<Outcome[]> {
  const resolved = await resolveRecords(connection, 'customers', records);
  const { outcomes, freed } = await settleEmails(connection, resolved);
  const open = outcomes.filter(isResolved);
  const owned = await ownedBy(connection, open);
  const writes: CustomerWrite[] = [];
  const results = outcomes.map((one): Outcome => {
    if (!isResolved(one)) return one;
    const before = owned.get(String(one.stored?.['id'])) ?? { tags: [], addresses: [] };
    const write = {
      one,
      before,
      tags: isUnchanged(before.tags.toSorted(), one.record.tags?.toSorted()) ? undefined : one.record.tags,
      addresses: isUnchanged(before.addresses, one.record.addresses) ? undefined : one.record.addresses,
    };
    if (one.stored !== undefined && one.changed.size === 0 && !write.tags && !write.addresses) return UNCHANGED;
    writes.push(write);
    return one.stored === undefined ? CREATED : UPDATED;
  });
  await freeEmails(connection, freed);
  await writeAll(connection, writes, by);
  return results;
}

async function ownedBy(connection: Connection, records: readonly ResolvedRecord[]) {
  const ids = records.flatMap((one) => storedId(one));
  const owned = new Map<string, { tags: string[]; addresses: AddressRow[] }>();
  if (ids.length === 0) return owned;
  for (const id of ids) owned.set(id, { tags: [], addresses: [] });
  const tags = await connection.query<{ customer_id: bigint; tag: string }[]>(
    'SELECT customer_id, tag FROM customer_tags WHERE customer_id IN (?)',
    [ids],
  );
  for (const row of tags) owned.get(String(row.customer_id))?.tags.push(row.tag);
  const addresses = await connection.query<Record<string, string | bigint | null>[]>(
    `SELECT customer_id, ${ADDRESS_COLUMNS.join(', ')} FROM customer_addresses WHERE customer_id IN (?)
     ORDER BY customer_id, position`,
    [ids],
  );
  for (const row of addresses)
    owned
      .get(String(row['customer_id']))
      ?.addresses.push(ADDRESS_COLUMNS.map((column) => row[column] as string | null));
  return owned;
}

async function writeAll(connection: Connection, writes: readonly CustomerWrite[], by: Authorship): Promise<void> {
  // A change of only tags or addresses also raises the version.
  const bumped = writes.map(({ one }) =>
    one.stored !== undefined && one.changed.size === 0 ? { ...one, changed: new Map([['updated_at', by.now]]) } : one,
  );
  const ids = await writeRecords(connection, 'customers', { records: bumped, now: by.now });
  const idOf = (write: CustomerWrite) => ids.get(write.one.record.key) ?? '';
  await writeTags(connection, writes, { now: by.now, idOf });
  await writeAddresses(connection, writes, idOf);
  await rewriteTerms(connection, writes.filter(changesTerms).map(idOf));
  await insertRows(
    connection,
    'customer_stats',
    writes.filter(({ one }) => one.stored === undefined).map((write) => new Map([['customer_id', idOf(write)]])),
  );
  await recordEntries(
    connection,
    writes.map((write) => ({
      customerId: idOf(write),
      version: Number(write.one.stored?.['version'] ?? 0) + 1,
      fields: fieldChanges(write),
    })),
    by,
  );
}

/** Tags duplicate their customer's columns, so they are rewritten whenever the customer changes. */
async function writeTags(
  connection: Connection,
  writes: readonly CustomerWrite[],
  by: { now: string; idOf: (write: CustomerWrite) => string },
): Promise<void> {
  const owners = writes.filter(({ one, before }) => one.stored !== undefined && before.tags.length > 0).map(by.idOf);
  if (owners.length > 0) await connection.query('DELETE FROM customer_tags WHERE customer_id IN (?)', [owners]);
  const rows = writes.flatMap((write) => {
    const { columns, stored } = write.one;
    return (write.tags ?? write.before.tags).map(
      (tag) =>
        new Map<string, unknown>([
          ['customer_id', by.idOf(write)],
          ['tag', tag],
          ['created_at', columns.get('created_at') ?? stored?.['created_at'] ?? by.now],
          ['updated_at', by.now],
          ['name', columns.get('name')],
          ['owner_id', columns.has('owner_id') ? columns.get('owner_id') : stored?.['owner_id']],
        ]),
    );
  });
  await insertRows(connection, 'customer_tags', rows);
}

/** Whether what a customer can be found by is new or has changed. */
const changesTerms = ({ one }: CustomerWrite): boolean =>
  one.stored === undefined || SEARCHED.some((column) => one.changed.has(column));

async function writeAddresses(
  connection: Connection,
  writes: readonly CustomerWrite[],
  idOf: (write: CustomerWrite) => string,
): Promise<void> {
  const owners = writes.filter((write) => write.addresses !== undefined && write.before.addresses.length > 0).map(idOf);
  if (owners.length > 0) await connection.query('DELETE FROM customer_addresses WHERE customer_id IN (?)', [owners]);
  const rows = writes.flatMap((write) =>
    (write.addresses ?? []).map(
      (address, position) =>
        new Map<string, unknown>([
          ['customer_id', idOf(write)],
          ['position', position],
          ...ADDRESS_COLUMNS.map((column, index) => [column, address[index] ?? null] as const),
        ]),
    ),
  );
  await insertRows(connection, 'customer_addresses', rows);
}

function fieldChanges(write: CustomerWrite) {
  const { one, before } = write;
  const changes = changedFields('customers', one);
  if (write.tags) changes.push({ field: 'tags', before: textOfTags(before.tags), after: textOfTags(write.tags) });
  if (write.addresses)
    changes.push({
      field: 'addresses',
      before: textOfRows(before.addresses),
      after: textOfRows(write.addresses),
    });
  return changes.filter((change) => one.stored !== undefined || change.after !== null);
}

/** The columns are in the order of the fields. */
const textOfRows = (rows: readonly AddressRow[]): string | null =>
  textOfAddresses(rows.map((row) => Object.fromEntries(ADDRESS_FIELDS.map((field, i) => [field, row[i] ?? null]))));
