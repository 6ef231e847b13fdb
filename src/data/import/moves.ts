import type { Connection } from 'mariadb';
import { isGiven } from '../../given.ts';
import { tableOf, type TableTarget } from './targets.ts';
import { storedId, type ResolvedRecord } from './upsert.ts';

/**
 * Moves what belongs to written rows along with those that got another customer, as a merge does: their entries in the record of
 * changes, and a ticket's interactions with theirs. Takes at most three statements, however many rows there are. All the
 * customers must be locked.
 */
export async function moveAlong(
  connection: Connection,
  target: TableTarget,
  records: readonly ResolvedRecord[],
): Promise<void> {
  const moved = records.filter((one) => one.stored !== undefined && one.changed.has('customer_id'));
  if (moved.length === 0) return;
  const ids = moved.flatMap(storedId);
  const owners = moved.map((one) => one.stored?.['customer_id']).filter(isGiven);
  await moveEntries(connection, target, { owners, ids, column: 'id' });
  if (target !== 'tickets') return;
  await connection.query(
    `UPDATE interactions AS i FORCE INDEX (interactions_ticket_id_occurred_at_id_idx)
     JOIN tickets AS t FORCE INDEX (PRIMARY) ON t.id = i.ticket_id SET i.customer_id = t.customer_id
     WHERE i.ticket_id IN (?) AND i.customer_id IN (?)`,
    [ids, owners],
  );
  await moveEntries(connection, 'interactions', { owners, ids, column: 'ticket_id' });
}

/** Gives the entries about rows, those with one of the ids in a column, to the rows' customers. */
async function moveEntries(
  connection: Connection,
  target: TableTarget,
  rows: { readonly owners: readonly unknown[]; readonly ids: readonly string[]; readonly column: 'id' | 'ticket_id' },
): Promise<void> {
  const { name, type } = tableOf(target);
  await connection.query(
    `UPDATE customer_changes AS h FORCE INDEX (customer_changes_customer_id_occurred_at_id_idx)
     JOIN ${name} AS s FORCE INDEX (PRIMARY) ON s.id = h.subject_id SET h.customer_id = s.customer_id
     WHERE h.customer_id IN (?) AND h.subject_type = ? AND s.${rows.column} IN (?)`,
    [rows.owners, type, rows.ids],
  );
}
