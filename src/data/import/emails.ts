import type { Connection } from 'mariadb';
import { isResolved, rejected, storedId, type Outcome, type ResolvedRecord } from './upsert.ts';

interface Holder {
  readonly id: string;
  readonly key: string | null;
}

/**
 * Refuses records whose email belongs to another customer, unless that one gives it up in the same batch: two customers may
 * swap theirs.
 * @returns the outcomes in the records' order, and the ids of customers whose email another one takes over
 */
export async function settleEmails(
  connection: Connection,
  resolved: readonly (ResolvedRecord | Outcome)[],
): Promise<{ outcomes: (ResolvedRecord | Outcome)[]; freed: readonly string[] }> {
  const outcomes = [...resolved];
  const holders = await holdersOf(connection, resolved.filter(isResolved));
  // A refused record keeps its own email, so others may have to be refused in turn.
  for (;;) {
    const leaving = new Set(
      outcomes.flatMap((one) => (isResolved(one) && one.changed.has('email') ? storedId(one) : [])),
    );
    const claims = new Map<string, string>();
    const freed: string[] = [];
    let isSettled = true;
    for (const [index, one] of outcomes.entries()) {
      const email = isResolved(one) ? (one.changed.get('email') ?? null) : null;
      if (!isResolved(one) || email === null) continue;
      const stored = holders.get(email);
      const isFreed = stored !== undefined && leaving.has(stored.id);
      const holder = claims.get(email) ?? (isFreed || stored?.id === storedId(one)[0] ? undefined : stored?.key);
      if (holder === undefined) {
        claims.set(email, one.record.key);
        if (isFreed) freed.push(stored.id);
        continue;
      }
      const problem = `email: "${email}" belongs to another customer (${holder ?? 'one without an external id'})`;
      outcomes[index] = rejected(problem, { field: 'email', holder });
      isSettled = false;
    }
    if (isSettled) return { outcomes, freed };
  }
}

/** Clears the emails of customers that get another one later. */
export async function freeEmails(connection: Connection, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await connection.query('UPDATE customers SET email = NULL WHERE id IN (?)', [ids]);
}

async function holdersOf(connection: Connection, records: readonly ResolvedRecord[]): Promise<Map<string, Holder>> {
  const emails = records.flatMap((one) => one.changed.get('email') ?? []);
  if (emails.length === 0) return new Map();
  const rows = await connection.query<{ id: bigint; email: string; external_id: string | null }[]>(
    'SELECT id, email, external_id FROM customers WHERE email IN (?)',
    [emails],
  );
  return new Map(rows.map(({ id, email, external_id: key }) => [email, { id: String(id), key }]));
}
