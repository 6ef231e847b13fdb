import type { Transaction } from '../../db/transaction.ts';
import type { MergeCustomersInput } from '../../generated/graphql.ts';
import type { Customer, Prisma } from '../../generated/prisma/client.ts';
import { recordChange } from '../changes.ts';
import { defineCommand } from '../command.ts';
import { globalId } from '../global-id.ts';
import { givenRow, parseId } from '../input.ts';
import { assertMayWrite, findCustomer, lockAllowed, NO_CUSTOMER } from '../lock.ts';
import { MAX_AMOUNT } from '../money.ts';
import { moveOwnedRows } from '../owned-rows.ts';
import { computeStats } from '../stats.ts';
import { refuse } from '../user-errors.ts';
import { noteChange, type Write } from '../writer.ts';
import { addressesOf } from './addresses.ts';
import type { CustomerValues } from './input.ts';
import { textOfAddresses, textOfTags } from './recorded.ts';
import { assertFits, raiseVersion } from './row.ts';
import { deleteTerms } from './search/terms.ts';
import { tagsOf, writeTags } from './tags.ts';

interface Sides {
  readonly kept: Customer;
  readonly merged: Customer;
}

/** Fields that the kept customer takes over if it has no value itself. */
const FILLED = ['externalId', 'email', 'phone', 'company', 'ownerId'] as const;

/**
 * Merges a customer into another: everything that belongs to it moves, blank fields of the kept one are filled, its row is
 * deleted, and its ids lead to the kept one from then on. Takes one statement per table, however many rows there are.
 */
export const mergeCustomers = defineCommand({
  parse: (input: MergeCustomersInput, problems) => ({
    keepId: parseId('Customer', input.keepId, { path: ['keepId'], problems }),
    mergeId: parseId('Customer', input.mergeId, { path: ['mergeId'], problems }),
    expectedVersion: input.expectedVersion,
  }),
  locks: ({ keepId }) => ['Customer', keepId],
  checks: (transaction, values) =>
    (['keepId', 'mergeId'] as const).map((field) => async () => {
      if ((await findCustomer(transaction, values[field])) === null) refuse('NOT_FOUND', [field], NO_CUSTOMER);
    }),
  async run(write, values) {
    const sides = await lockBoth(write, values);
    const { kept, merged } = sides;
    await storeSummaries(write, sides);
    await assertSumsFit(write.transaction, sides);
    const tags = await moveTags(write.transaction, sides);
    const addresses = await moveAddresses(write.transaction, sides);
    await moveOwnedRows(write, { from: merged.id, to: kept.id });
    await moveChanges(write.transaction, sides);
    await moveSummary(write, sides);
    await deleteTerms(write.transaction, merged.id);
    // Deleted before the kept customer takes over its unique values.
    await write.transaction.customer.deleteMany({ where: { id: merged.id } });
    const filled: CustomerValues = Object.fromEntries(
      FILLED.filter((field) => kept[field] === null && merged[field] !== null).map((field) => [field, merged[field]]),
    );
    // Later than any of either: a version that was read of the merged one, whose id leads here from now on, must be refused.
    const version = Math.max(kept.version, merged.version);
    await raiseVersion(write, { ...kept, version }, filled);
    await redirectIds(write, sides, 'externalId' in filled ? null : merged.externalId);
    await recordMerge(write, { kept: { ...kept, version }, merged }, { filled, tags, addresses });
    return { customerId: String(kept.id) };
  },
  refused: ({ keepId }) => ({ customerId: givenRow('Customer', keepId) }),
});

/** Locks both rows in the order of their ids, so that merges of the same customers do not deadlock. */
async function lockBoth(
  write: Write,
  {
    keepId,
    mergeId,
    expectedVersion,
  }: { keepId: bigint; mergeId: bigint; expectedVersion?: number | null | undefined },
): Promise<Sides> {
  const [keep, merge] = [
    { id: keepId, path: ['keepId'], expectedVersion },
    { id: mergeId, path: ['mergeId'] },
  ];
  // Before the order of ids, which depends on rows that the caller may not see, decides what is locked first.
  await assertMayWrite(write, [keep, merge]);
  const merges = await write.transaction.customerMerge.findMany({ where: { mergedId: { in: [keepId, mergeId] } } });
  const rowOf = (id: bigint): bigint => merges.find(({ mergedId }) => mergedId === id)?.keptId ?? id;
  const first = rowOf(mergeId) < rowOf(keepId) ? await lockAllowed(write, merge) : undefined;
  const kept = await lockAllowed(write, keep);
  const merged = first ?? (await lockAllowed(write, merge));
  if (kept.id === merged.id) refuse('INVALID_INPUT', ['mergeId'], 'Expected a customer other than the one to keep.');
  return { kept, merged };
}

interface Texts {
  readonly kept: string | null;
  readonly merged: string | null;
  readonly together: string | null;
}

async function moveTags(transaction: Transaction, { kept, merged }: Sides): Promise<Texts> {
  const [own, others] = [await tagsOf(transaction, kept.id), await tagsOf(transaction, merged.id)];
  await writeTags(transaction, kept, others);
  const all = await tagsOf(transaction, kept.id);
  assertFits('tags', { before: own.length, after: all.length, path: ['mergeId'] });
  await transaction.customerTag.deleteMany({ where: { customerId: merged.id } });
  return { kept: textOfTags(own), merged: textOfTags(others), together: textOfTags(all) };
}

/** The kept customer's addresses come first. */
async function moveAddresses(transaction: Transaction, { kept, merged }: Sides): Promise<Texts> {
  const [own, others] = [await addressesOf(transaction, kept.id), await addressesOf(transaction, merged.id)];
  const all = [...own, ...others];
  assertFits('addresses', { before: own.length, after: all.length, path: ['mergeId'] });
  const offset = (own.at(-1)?.position ?? -1) + 1;
  await transaction.$executeRaw`UPDATE customer_addresses SET customer_id = ${kept.id}, position = position + ${offset}
    WHERE customer_id = ${merged.id}`;
  return { kept: textOfAddresses(own), merged: textOfAddresses(others), together: textOfAddresses(all) };
}

/** Moves the record of the merged customer to the kept one. */
async function moveChanges(transaction: Transaction, { kept: { id: to }, merged: { id: from } }: Sides): Promise<void> {
  // Entries without a subject are about the customer itself, which must now be made explicit. The index is forced as in
  // `moveOwnedRows`.
  await transaction.$executeRaw`UPDATE customer_changes FORCE INDEX (customer_changes_customer_id_occurred_at_id_idx)
    SET customer_id = ${to}, subject_type = COALESCE(subject_type, 'Customer'), subject_id = COALESCE(subject_id, ${from})
    WHERE customer_id = ${from}`;
}

/** Refuses a merge after which the total of all orders in a currency would be too large to store. */
async function assertSumsFit(transaction: Transaction, { kept, merged }: Sides): Promise<void> {
  // The server adds two DECIMAL(19,4) with one digit more, so the sum itself cannot overflow.
  const sums = await transaction.$queryRaw<{ currency: string; sum: Prisma.Decimal }[]>`
    SELECT k.currency, k.amount + m.amount AS sum FROM customer_values AS k
    JOIN customer_values AS m ON m.customer_id = ${merged.id} AND m.currency = k.currency
    WHERE k.customer_id = ${kept.id}`;
  for (const { currency, sum } of sums)
    if (sum.abs().greaterThan(MAX_AMOUNT))
      refuse(
        'INVALID_INPUT',
        ['mergeId'],
        `Expected orders of both customers with a sum of at most ${MAX_AMOUNT} ${currency}, got ${sum.toFixed(4)}.`,
      );
}

/** Computes a summary that is not stored, as other programs may write a customer, from the rows that it has before the merge. */
async function storeSummaries(write: Write, { kept, merged }: Sides): Promise<void> {
  const ids = [kept.id, merged.id];
  const stored = await write.transaction.customerStats.findMany({ where: { customerId: { in: ids } } });
  for (const id of ids) if (!stored.some(({ customerId }) => customerId === id)) await computeStats(write, id);
}

/** Adds the merged customer's summary to the kept one's. */
async function moveSummary(write: Write, { kept: { id: to }, merged: { id: from } }: Sides): Promise<void> {
  const { transaction } = write;
  for (const customerId of [from, to]) noteChange(write, 'CustomerSummary', { customerId });
  await transaction.$executeRaw`UPDATE customer_stats AS k JOIN customer_stats AS m ON m.customer_id = ${from}
    SET k.order_count = k.order_count + m.order_count, k.open_ticket_count = k.open_ticket_count + m.open_ticket_count,
      k.last_order_at = GREATEST(COALESCE(k.last_order_at, m.last_order_at), COALESCE(m.last_order_at, k.last_order_at))
    WHERE k.customer_id = ${to}`;
  await transaction.$executeRaw`INSERT INTO customer_values (customer_id, currency, amount)
    SELECT * FROM (SELECT ${to} AS customer_id, currency, amount FROM customer_values WHERE customer_id = ${from}) AS m
    ON DUPLICATE KEY UPDATE amount = customer_values.amount + m.amount`;
  const owned = { where: { customerId: from } };
  await transaction.customerStats.deleteMany(owned);
  await transaction.customerValue.deleteMany(owned);
}

/** Makes the merged customer's ids, and those of customers merged into it earlier, lead to the kept one. */
async function redirectIds(
  { transaction, now }: Write,
  { kept, merged }: Sides,
  externalId: string | null,
): Promise<void> {
  // The index is forced as in `moveOwnedRows`.
  await transaction.$executeRaw`UPDATE customer_merges FORCE INDEX (customer_merges_kept_id_idx)
    SET kept_id = ${kept.id} WHERE kept_id = ${merged.id}`;
  await transaction.customerMerge.createMany({
    data: { mergedId: merged.id, keptId: kept.id, externalId, mergedAt: now },
  });
}

/**
 * Records an entry for the last version of either customer. The merged one's has the values that are stored nowhere else now.
 */
async function recordMerge(
  write: Write,
  { kept, merged }: Sides,
  { filled, tags, addresses }: { filled: CustomerValues; tags: Texts; addresses: Texts },
): Promise<void> {
  // Its own id now leads to the kept one.
  for (const type of ['Customer', 'Change'] as const) noteChange(write, type, { customerId: merged.id });
  const { id, version, ...fields } = merged;
  const lost = Object.keys(fields).filter((field) => !(field in filled));
  await recordChange(write, {
    customerId: kept.id,
    subject: { type: 'Customer', id },
    version: version + 1,
    action: 'MERGED',
    before: { ...fields, tags: tags.merged, addresses: addresses.merged },
    after: {
      mergedInto: globalId('Customer', String(kept.id)),
      ...Object.fromEntries([...lost, 'tags', 'addresses'].map((field) => [field, null])),
    },
  });
  await recordChange(write, {
    customerId: kept.id,
    version: kept.version + 1,
    action: 'MERGED',
    before: { ...kept, tags: tags.kept, addresses: addresses.kept },
    after: {
      mergedCustomer: globalId('Customer', String(id)),
      ...filled,
      tags: tags.together,
      ...(addresses.together !== addresses.kept && { addresses: addresses.together }),
    },
  });
}
