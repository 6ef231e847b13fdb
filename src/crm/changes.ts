import type { ChangeAction, FieldChange } from '../generated/graphql.ts';
import { globalId, type NodeType } from './global-id.ts';
import type { Write } from './writer.ts';

/** A value of a field; lists and numbers are recorded as texts too. */
type FieldValue = string | number | bigint | Date | null | undefined;

export interface RecordedChange {
  /** The customer in whose record it stands. */
  readonly customerId: bigint;
  /** What was changed, where it is not that customer itself. */
  readonly subject?: { readonly type: NodeType; readonly id: bigint };
  /** Of what was changed, after the change. */
  readonly version: number;
  readonly action: ChangeAction;
  readonly before: Readonly<Record<string, FieldValue>>;
  /** Only fields named here are recorded, and of these the ones that differ. */
  readonly after: Readonly<Record<string, FieldValue>>;
}

/**
 * Adds to the record of changes, in the write's transaction: who, when, and the fields that differ, before and after.
 * Every command calls it for every thing that it changes, so that the record explains each version.
 */
export async function recordChange(write: Write, change: RecordedChange): Promise<void> {
  const fields = Object.entries(change.after)
    .map(([field, value]) => ({ field, before: asText(change.before[field]), after: asText(value) }))
    .filter((field) => field.before !== field.after);
  write.changedCustomers.add(String(change.customerId));
  await write.transaction.customerChange.create({
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

function asText(value: FieldValue): string | null {
  if (value === null || value === undefined) return null;
  return value instanceof Date ? value.toISOString() : String(value);
}

/** Fields whose values only a caller with `crm:pii` may see. */
const PERSONAL: ReadonlySet<string> = new Set(['email', 'phone', 'addresses']);
const hidden = (value: string | null | undefined) => (value === null || value === undefined ? null : '***');

/** Fields that hold the id of a row, and of which type. */
const REFERENCES: Readonly<Record<string, NodeType>> = {
  agentId: 'Agent',
  assigneeId: 'Agent',
  customerId: 'Customer',
  ownerId: 'Agent',
  ticketId: 'Ticket',
};
const ROW_ID = /^[1-9]\d*$/;
/** As the server writes moments; imports have recorded them so. */
const SERVER_TIME = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3})$/;

/** A recorded value in the form that the API has it in elsewhere: ids are global, moments RFC 3339. */
function asElsewhere(field: string, value: string | null | undefined): string | null {
  if (value === null || value === undefined) return null;
  const type = REFERENCES[field];
  if (type !== undefined && ROW_ID.test(value)) return globalId(type, value);
  return field.endsWith('At') ? value.replace(SERVER_TIME, '$1T$2Z') : value;
}

/**
 * A recorded change's fields as a caller may see them: without `crm:pii`, that an email, a phone number or addresses
 * were changed, not from what to what.
 * @param changes as `recordChange` has written it
 */
export function shownFields(changes: string, scopes: readonly string[]): FieldChange[] {
  const fields = (JSON.parse(changes) as FieldChange[]).map(({ field, before, after }) => ({
    field,
    before: asElsewhere(field, before),
    after: asElsewhere(field, after),
  }));
  if (scopes.includes('crm:pii')) return fields;
  return fields.map((change) =>
    PERSONAL.has(change.field) ? { ...change, before: hidden(change.before), after: hidden(change.after) } : change,
  );
}
