import { valueTags } from '../../batch/tags.ts';
import type { Customer } from '../../generated/prisma/client.ts';
import { recordChange, type RecordedChange } from '../changes.ts';
import { refuse } from '../user-errors.ts';
import type { Write } from '../writer.ts';
import type { CustomerValues } from './input.ts';
import { updateTerms } from './search/terms.ts';
import { customers, MAX_ADDRESSES, MAX_TAGS } from './table.ts';

/**
 * Updates a customer's fields and version, the columns that its tags duplicate for sorting and filtering, and its search terms.
 * @param before the previous row, locked
 */
export async function raiseVersion(
  { transaction, now }: Write,
  before: Customer,
  changed: CustomerValues,
): Promise<Customer> {
  const { id } = before;
  const data = { ...changed, version: before.version + 1, updatedAt: now };
  // Not `update`, which reads the row before and after.
  await transaction.customer.updateMany({ where: { id }, data });
  const customer = { ...before, ...data };
  const repeated = { name: customer.name, ownerId: customer.ownerId, updatedAt: now };
  await transaction.customerTag.updateMany({ where: { customerId: id }, data: repeated });
  await updateTerms(transaction, { id, changed });
  return customer;
}

const MAX_LENGTHS = { tags: MAX_TAGS, addresses: MAX_ADDRESSES } as const;

/** Refuses a list that would be longer than allowed (INVALID_INPUT). A list that is already too long may be shortened. */
export function assertFits(
  list: keyof typeof MAX_LENGTHS,
  { before, after, path }: { readonly before: number; readonly after: number; readonly path: readonly string[] },
): void {
  if (after > Math.max(before, MAX_LENGTHS[list]))
    refuse('INVALID_INPUT', path, `Expected at most ${MAX_LENGTHS[list]} ${list} on a customer, got ${after} in all.`);
}

/**
 * Records an update that was just made.
 * @param row as it was before
 * @param changed the fields of the row that have changed
 */
export async function recordUpdate(
  write: Write,
  { row, changed = {} }: { readonly row: Customer; readonly changed?: CustomerValues },
  { before, after }: Pick<RecordedChange, 'before' | 'after'>,
): Promise<void> {
  const values = valueTags(customers, row, { ...row, ...changed });
  await recordChange(write, { customerId: row.id, version: row.version + 1, action: 'UPDATED', before, after, values });
}
