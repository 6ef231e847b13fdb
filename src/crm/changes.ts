import type { ChangeAction, FieldChange } from '../generated/graphql.ts';
import { Prisma } from '../generated/prisma/client.ts';
import { isGiven, type Maybe } from '../given.ts';
import type { Context } from './context.ts';
import { globalId, type NodeType } from './global-id.ts';
import { MASK } from './masks.ts';
import { noteChange, type Write } from './writer.ts';

/** A field's value. Lists and numbers are recorded as text too. */
type FieldValue = Maybe<string | number | bigint | Date | Prisma.Decimal>;

export interface RecordedChange {
  /** The customer whose record this belongs to. */
  readonly customerId: bigint;
  /** What was changed, unless it is that customer itself. */
  readonly subject?: { readonly type: NodeType; readonly id: bigint };
  /** The version of what was changed, after the change. */
  readonly version: number;
  readonly action: ChangeAction;
  readonly before: Readonly<Record<string, FieldValue>>;
  /** Only fields listed here are recorded, and only if they differ, or the caller may not know whether they do. */
  readonly after: Readonly<Record<string, FieldValue>>;
  /** The `valueTags` of the row that was changed, before and after; left out if other rows may have changed with it. */
  readonly values?: readonly string[];
}

/**
 * Adds an entry to the record of changes, in the write's transaction: who, when, and the fields that differ, before and after.
 * Also notes that the customer's rows of that type have changed. Every command calls this for everything that it changes, so
 * that the record explains each version, and the cache and subscriptions are told.
 */
export async function recordChange(write: Write, change: RecordedChange): Promise<void> {
  const fields = Object.entries(change.after)
    .map(([field, value]) => ({ field, before: asText(change.before[field]), after: asText(value) }))
    .filter(({ field, before, after }) => before !== after || (write.hides(field) && before !== null));
  const { customerId, values } = change;
  noteChange(write, change.subject?.type ?? 'Customer', { customerId, values });
  // Nothing is listed by its values.
  noteChange(write, 'Change', { customerId, values: [] });
  // Not `create`, which reads the row back.
  await write.transaction.customerChange.createMany({
    data: {
      customerId: change.customerId,
      subjectType: change.subject?.type ?? null,
      subjectId: change.subject?.id ?? null,
      version: change.version,
      action: change.action,
      actor: write.actor,
      changes: JSON.stringify(fields),
      occurredAt: write.now,
    },
  });
}

/** The given fields whose values are not those of the row; times and amounts are compared by value. */
export function changedFields<Values extends { readonly [Name in keyof Values]?: FieldValue }>(
  row: Readonly<Record<keyof Values, FieldValue>>,
  given: Values,
) {
  const changed = Object.entries<FieldValue>(given).filter(
    ([name, value]) => !isSame(row[name as keyof Values], value),
  );
  return Object.fromEntries(changed) as Partial<Values>;
}

/**
 * The same, and the given values of fields that the caller sees only masked, if there are any: otherwise, a version that stays the same
 * would tell that a guess was right.
 */
export function changedOrHidden<Values extends { readonly [Name in keyof Values]?: FieldValue }>(
  { hides }: Pick<Write, 'hides'>,
  row: Readonly<Record<keyof Values, FieldValue>>,
  given: Values,
) {
  const hidden = Object.entries<FieldValue>(given).filter(([name, value]) => isGiven(value) && hides(name));
  return { ...changedFields(row, given), ...(Object.fromEntries(hidden) as Partial<Values>) };
}

/** An amount is given as text, and read as a Decimal. */
const isSame = (stored: FieldValue, given: FieldValue): boolean =>
  Prisma.Decimal.isDecimal(stored) && isGiven(given) ? stored.equals(String(given)) : asText(stored) === asText(given);

function asText(value: FieldValue): string | null {
  if (!isGiven(value)) return null;
  return value instanceof Date ? value.toISOString() : String(value);
}

const hidden = (value: Maybe<string>) => (isGiven(value) ? MASK : null);

const ROW_ID = /^[1-9]\d*$/;
/** How the server formats times; imports recorded them like this. */
const SERVER_TIME = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3})$/;

/** Converts a recorded value to the API's usual format: global ids, RFC 3339 times. */
function toApiFormat(field: string, value: Maybe<string>, references: Context['references']): string | null {
  if (!isGiven(value)) return null;
  const type = references.get(field);
  if (type !== undefined && ROW_ID.test(value)) return globalId(type, value);
  return field.endsWith('At') ? value.replace(SERVER_TIME, '$1T$2Z') : value;
}

/**
 * A recorded change's fields as a caller may see them: of a field that the caller may see only masked, that it was changed, but not
 * the values.
 * @param changes as `recordChange` wrote it
 */
export function shownFields(changes: string, reader: Pick<Context, 'hides' | 'references'>): FieldChange[] {
  return (JSON.parse(changes) as FieldChange[]).map(({ field, before, after }) => {
    const shown = (value: Maybe<string>) =>
      reader.hides(field) ? hidden(value) : toApiFormat(field, value, reader.references);
    return { field, before: shown(before), after: shown(after) };
  });
}
