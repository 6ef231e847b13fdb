import type { Connection } from 'mariadb';
import { SqlError } from 'mariadb';
import { SERVER_ERRORS } from '../../db/server-errors.ts';
import { isGiven } from '../../given.ts';
import { inTransaction } from '../connection.ts';
import { refreshCustomerSummaries } from './customer-summaries.ts';
import { writeCustomers } from './customers.ts';
import { moveAlong } from './moves.ts';
import { recordRowChanges, type Authorship } from './recorded.ts';
import type { TargetRecord } from './records.ts';
import type { TableTarget } from './targets.ts';
import { withClosing } from './tickets.ts';
import {
  CREATED,
  customerOf,
  customersOf,
  isResolved,
  rejected,
  resolveRecords,
  UNCHANGED,
  UPDATED,
  writeRecords,
  type Outcome,
  type ResolvedRecord,
} from './upsert.ts';

/**
 * Writes entries in one transaction. If the server refuses it because of the data (a key that another client took meanwhile, a
 * sum out of range), retries each half by itself, until a single entry is left, which is rejected.
 */
export async function writeHalving<Entry, Result>(
  connection: Connection,
  entries: readonly Entry[],
  work: { write(entries: readonly Entry[]): Promise<Result[]>; reject(entry: Entry, problem: string): Result },
): Promise<Result[]> {
  try {
    return await inTransaction(connection, () => work.write(entries));
  } catch (error) {
    if (!isAboutData(error)) throw error;
    const [first] = entries;
    if (entries.length <= 1 || first === undefined)
      return entries.map((entry) => work.reject(entry, `the database refused it: ${serverMessage(error)}`));
    const middle = Math.ceil(entries.length / 2);
    return [
      ...(await writeHalving(connection, entries.slice(0, middle), work)),
      ...(await writeHalving(connection, entries.slice(middle), work)),
    ];
  }
}

function isAboutData(error: unknown): error is SqlError {
  if (!(error instanceof SqlError)) return false;
  // The only error about data whose SQLSTATE does not say so on both servers: a character that the column cannot store.
  return /^2[23]/.test(error.sqlState ?? '') || error.errno === SERVER_ERRORS.TRUNCATED_WRONG_VALUE_FOR_FIELD;
}

function serverMessage(error: SqlError): string {
  return (error.sqlMessage ?? error.message).split('\n')[0] ?? 'no reason given';
}

/** Writes records of any table except orders, in transactions. The outcomes are in the records' order. */
export function writeBatch(
  connection: Connection,
  target: Exclude<TableTarget, 'orders'>,
  batch: { records: readonly TargetRecord[]; by: Authorship },
): Promise<Outcome[]> {
  return writeHalving(connection, batch.records, {
    write: (records) =>
      target === 'customers'
        ? writeCustomers(connection, records, batch.by)
        : writePlain(connection, target, { records, by: batch.by }),
    reject: (_, problem) => rejected(problem),
  });
}

async function writePlain(
  connection: Connection,
  target: Exclude<TableTarget, 'orders' | 'customers'>,
  batch: { records: readonly TargetRecord[]; by: Authorship },
): Promise<Outcome[]> {
  const found = await resolveRecords(connection, target, batch.records);
  const resolved =
    target === 'interactions'
      ? await refuseOthersTickets(connection, found)
      : target === 'tickets'
        ? found.map((one) => withClosing(one, batch.by.now))
        : found;
  const open = resolved.filter(isResolved);
  await writeRecords(connection, target, { records: open, now: batch.by.now });
  await moveAlong(connection, target, open);
  if (target === 'tickets') {
    const changes = open.map((one) => ({ one }));
    await recordRowChanges(connection, target, { changes, by: batch.by });
    const changed = open.filter((one) => one.changed.size > 0);
    await refreshCustomerSummaries(connection, changed.flatMap(customersOf));
  }
  return resolved.map((one) => {
    if (!isResolved(one)) return one;
    if (one.stored === undefined) return CREATED;
    return one.changed.size > 0 ? UPDATED : UNCHANGED;
  });
}

/** A ticket shows its interactions to whoever may see its customer, so both must belong to the same customer. */
async function refuseOthersTickets(
  connection: Connection,
  resolved: readonly (ResolvedRecord | Outcome)[],
): Promise<readonly (ResolvedRecord | Outcome)[]> {
  const ids = resolved.flatMap((one) => (isResolved(one) ? (ticketOf(one) ?? []) : []));
  if (ids.length === 0) return resolved;
  const rows = await connection.query<{ id: bigint; customer_id: bigint }[]>(
    'SELECT id, customer_id FROM tickets WHERE id IN (?)',
    [ids],
  );
  const customers = new Map(rows.map((row) => [String(row.id), String(row.customer_id)]));
  return resolved.map((one) => {
    if (!isResolved(one)) return one;
    const ticket = ticketOf(one);
    if (ticket === null || customers.get(ticket) === customerOf(one)) return one;
    return one.columns.has('ticket_id')
      ? rejected('ticket: expected a ticket of the same customer, got one of another', { field: 'ticket' })
      : rejected('customer: expected the one of the ticket that the interaction is about, got another', {
          field: 'customer',
        });
  });
}

/** The ticket that an interaction is about once it is written: the stored one if the mapping has none. */
function ticketOf({ columns, stored, changed }: ResolvedRecord): string | null {
  const given = columns.get('ticket_id');
  if (given !== undefined) return given;
  const kept = changed.has('customer_id') ? stored?.['ticket_id'] : null;
  return isGiven(kept) ? String(kept) : null;
}
