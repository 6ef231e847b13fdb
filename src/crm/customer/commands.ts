import { valueTags } from '../../batch/tags.ts';
import type { Transaction } from '../../db/transaction.ts';
import type { CreateCustomerInput, DeleteCustomerInput, UpdateCustomerInput } from '../../generated/graphql.ts';
import type { Customer } from '../../generated/prisma/client.ts';
import { assertMayOwn } from '../agents.ts';
import { changedOrHidden, recordChange } from '../changes.ts';
import { isGiven } from '../../given.ts';
import { defineCommand, type Payload } from '../command.ts';
import { globalId } from '../global-id.ts';
import { givenRow, parseId } from '../input.ts';
import { findCustomer, lockCustomer } from '../lock.ts';
import { deleteOwnedRows } from '../owned-rows.ts';
import { refuseTaken } from '../user-errors.ts';
import { noteChange, type Write } from '../writer.ts';
import { addressesOf } from './addresses.ts';
import { checkFields } from './checks.ts';
import { parseAddresses, parseCustomerFields, parseTags, type CustomerValues } from './input.ts';
import { textOfAddresses, textOfTags } from './recorded.ts';
import { raiseVersion, recordUpdate } from './row.ts';
import { deleteTerms, insertTerms } from './search/terms.ts';
import { customers } from './table.ts';
import { assertDifferent, tagsOf, writeTags } from './tags.ts';

/** The parent value of the payloads' resolvers. */
export type CustomerPayload = Payload<{ readonly customerId: string }>;
export type CreateCustomerPayload = CustomerPayload;
export type UpdateCustomerPayload = CustomerPayload;
export type MergeCustomersPayload = CustomerPayload;
export type AddTagsPayload = CustomerPayload;
export type RemoveTagsPayload = CustomerPayload;
export type SetAddressesPayload = CustomerPayload;

const UNIQUE_FIELDS = {
  customers_email_key: ['customer', 'email'],
  customers_external_id_key: ['customer', 'externalId'],
} as const;

/** Creates a customer with its tags, addresses and first entry in the record of changes. */
export const createCustomer = defineCommand({
  uniques: UNIQUE_FIELDS,
  parse: (input: CreateCustomerInput, problems) => ({
    values: parseCustomerFields(input, problems),
    tags: parseTags(input.tags, problems),
    addresses: parseAddresses(input.addresses, problems),
  }),
  checks: (transaction, { values, tags }) => [
    ...checkFields(transaction, null, values),
    () => assertDifferent(transaction, tags),
  ],
  async run(write, { values, tags, addresses }) {
    const { transaction, now } = write;
    const { name = '', ownerId = write.agent ?? null, ...rest } = values;
    await assertMayOwn(write, ownerId);
    if (isGuess(write, values)) await assertElse(transaction, null, values);
    await assertDifferent(transaction, tags);
    const row = await transaction.customer.create({ data: { ...rest, name, ownerId, createdAt: now, updatedAt: now } });
    await assertNotFormer(transaction, row);
    await insertTerms(transaction, row.id);
    const owned = { customerId: row.id };
    await writeTags(transaction, row, tags);
    if (addresses.length > 0)
      await transaction.customerAddress.createMany({ data: addresses.map((address) => ({ ...owned, ...address })) });
    await transaction.customerStats.createMany({ data: owned });
    // Tags in their sort order, as in every later entry.
    const written = tags.length === 0 ? [] : await tagsOf(transaction, row.id);
    const lists = { tags: textOfTags(written), addresses: textOfAddresses(addresses) };
    await recordChange(write, {
      customerId: row.id,
      version: row.version,
      action: 'CREATED',
      before: {},
      after: { ...values, ownerId, ...lists },
      values: valueTags(customers, row),
    });
    return { customerId: String(row.id) };
  },
  refused: () => ({ customerId: null }),
});

/**
 * Updates the given fields of a customer, and its version if anything differs. If refused, the payload shows the current
 * customer.
 */
export const updateCustomer = defineCommand({
  uniques: UNIQUE_FIELDS,
  parse: (input: UpdateCustomerInput, problems) => ({
    id: parseId('Customer', input.id, { path: ['id'], problems }),
    expectedVersion: input.expectedVersion,
    values: parseCustomerFields(input, problems),
  }),
  locks: ({ id }) => ['Customer', id],
  checks: async (transaction, { id, values }) => checkFields(transaction, await findCustomer(transaction, id), values),
  async run(write, { id, expectedVersion, values }) {
    const before = await lockCustomer(write, { id, path: ['id'], expectedVersion });
    const changed = changedOrHidden(write, before, values);
    if (Object.keys(changed).length > 0) {
      if (changed.ownerId !== undefined) await assertMayOwn(write, changed.ownerId);
      if (isGuess(write, values)) await assertNobodyHas(write, before, values);
      const customer = await raiseVersion(write, before, changed);
      if ('externalId' in changed) await assertNotFormer(write.transaction, customer);
      await recordUpdate(write, { row: before, changed }, { before, after: { ...changed } });
    }
    return { customerId: String(before.id) };
  },
  refused: ({ id }) => ({ customerId: givenRow('Customer', id) }),
});

/** Whether a caller gives an email address who may see none, and so may be guessing. */
const isGuess = ({ hides }: Write, { email }: CustomerValues): boolean => isGiven(email) && hides('email');

/**
 * Refuses whatever else is wrong, before an email address is looked at: if it were found out after writing, which is then taken back, the
 * time would tell whether there was anything to write.
 */
async function assertElse(transaction: Transaction, row: Customer | null, values: CustomerValues): Promise<void> {
  const { email: _email, ...others } = values;
  for (const check of checkFields(transaction, row, others)) await check();
}

/**
 * Refuses an email address that any customer has, also this one: if it were accepted for the one who has it already, trying
 * all of them would find out who that is.
 */
async function assertNobodyHas({ transaction }: Write, row: Customer, values: CustomerValues): Promise<void> {
  await assertElse(transaction, row, values);
  const { email = null } = values;
  if (email === null) return;
  if ((await transaction.customer.findUnique({ where: { email } })) !== null) refuseTaken('customer', 'email');
}

/**
 * Deletes a customer and everything that belongs to it. The record of changes stays; its last entry has what was deleted: the values
 * of the customer, and of everything else, how many there were.
 */
export const deleteCustomer = defineCommand({
  parse: (input: DeleteCustomerInput, problems) => ({
    id: parseId('Customer', input.id, { path: ['id'], problems }),
    expectedVersion: input.expectedVersion,
  }),
  locks: ({ id }) => ['Customer', id],
  async run(write, { id: given, expectedVersion }) {
    const { transaction } = write;
    const { id, version, ...fields } = await lockCustomer(write, { id: given, path: ['id'], expectedVersion });
    const owned = { where: { customerId: id } };
    const lists = {
      tags: textOfTags(await tagsOf(transaction, id)),
      addresses: textOfAddresses(await addressesOf(transaction, id)),
    };
    const before = { ...fields, ...lists, ...(await deleteOwnedRows(write, id)) };
    await transaction.customerTag.deleteMany(owned);
    await deleteTerms(transaction, id);
    await transaction.customerAddress.deleteMany(owned);
    await transaction.customerStats.deleteMany(owned);
    await transaction.customerValue.deleteMany(owned);
    noteChange(write, 'CustomerSummary', { customerId: id });
    // The index is forced as in `deleteOwnedRows`.
    await transaction.$executeRaw`DELETE m FROM customer_merges AS m FORCE INDEX (customer_merges_kept_id_idx)
      WHERE m.kept_id = ${id}`;
    await transaction.customer.deleteMany({ where: { id } });
    await recordChange(write, {
      customerId: id,
      version: version + 1,
      action: 'DELETED',
      before,
      values: valueTags(customers, fields),
      after: Object.fromEntries(Object.keys(before).map((field) => [field, null])),
    });
    return { deletedCustomerId: globalId('Customer', String(id)) };
  },
  refused: () => ({ deletedCustomerId: null }),
});

/**
 * Refuses the external id of a merged customer, since it still leads to the customer that it was merged into. Call this after
 * writing the row: by then, a merge that the write had to wait for is visible.
 */
async function assertNotFormer(transaction: Transaction, { id, externalId }: Customer): Promise<void> {
  if (externalId === null) return;
  const merge = await transaction.customerMerge.findUnique({ where: { externalId } });
  if (merge === null) return;
  if (merge.keptId !== id) refuseTaken('customer', 'externalId');
  await transaction.customerMerge.updateMany({ where: { externalId }, data: { externalId: null } });
}
