import type { Connection } from 'mariadb';
import type { NodeType } from '../../crm/global-id.ts';
import { money } from '../../crm/money.ts';
import type { FieldChange } from '../../generated/graphql.ts';
import { isGiven } from '../../given.ts';
import type { StoredValue } from './locks.ts';
import { TARGETS, tableOf, type FieldSpec, type TableTarget } from './targets.ts';
import { customerOf, insertRows, type ResolvedRecord } from './upsert.ts';

/** Who writes, and when: one time for the whole import. */
export interface Authorship {
  readonly now: string;
  readonly actor: string;
}

interface Entry {
  readonly customerId: string;
  /** What was changed, unless it is that customer itself. */
  readonly subject?: { readonly type: NodeType; readonly id: string };
  /** The version of what was changed, after the change. */
  readonly version: number;
  readonly fields: readonly FieldChange[];
}

/** Adds entries to the record of changes, with one statement. */
export const recordEntries = (connection: Connection, entries: readonly Entry[], by: Authorship): Promise<void> =>
  insertRows(
    connection,
    'customer_changes',
    entries.map(
      ({ customerId, subject, version, fields }) =>
        new Map<string, unknown>([
          ['customer_id', customerId],
          ['subject_type', subject?.type],
          ['subject_id', subject?.id],
          ['version', version],
          ['action', 'IMPORTED'],
          ['actor', by.actor],
          ['changes', JSON.stringify(fields)],
          ['occurred_at', by.now],
        ]),
    ),
  );

/** A changed row that belongs to a customer, and what has changed besides its columns. */
export interface RowChange {
  readonly one: ResolvedRecord;
  readonly others?: readonly FieldChange[];
}

/** Adds an entry for each row that was changed. New rows have none, since the files are their record. */
export const recordRowChanges = (
  connection: Connection,
  target: TableTarget,
  { changes, by }: { readonly changes: readonly RowChange[]; readonly by: Authorship },
): Promise<void> =>
  recordEntries(
    connection,
    changes.flatMap(({ one, others = [] }): Entry[] => {
      if (one.stored === undefined || one.changed.size === 0) return [];
      const fields = [...changedFields(target, one), ...others];
      const subject = { type: tableOf(target).type as NodeType, id: String(one.stored['id']) };
      return [{ customerId: customerOf(one), subject, version: Number(one.stored['version']) + 1, fields }];
    }),
    by,
  );

/** What a record changes of a row's columns, all of them for a new row; as text, like the changes that commands record. */
export function changedFields(target: TableTarget, one: ResolvedRecord): FieldChange[] {
  const before = (column: string): StoredValue => one.stored?.[column];
  const after = (column: string): StoredValue => (one.columns.has(column) ? one.columns.get(column) : before(column));
  return Object.entries(TARGETS[target].fields)
    .filter(([, { column }]) => one.columns.has(column) && (one.stored === undefined || one.changed.has(column)))
    .map(([name, field]) => ({
      field: field.kind === 'reference' ? `${name}Id` : name,
      before: textOf(field, before),
      after: textOf(field, after),
    }))
    .filter((change) => change.before !== change.after);
}

function textOf(field: FieldSpec, valueOf: (column: string) => StoredValue): string | null {
  const value = valueOf(field.column);
  if (!isGiven(value)) return null;
  return field.kind === 'amount' ? money(String(value), String(valueOf('currency'))).amount : String(value);
}
