import type { Transaction } from '../../db/transaction.ts';
import type { AddTagsInput } from '../../generated/graphql.ts';
import { Prisma, type Customer } from '../../generated/prisma/client.ts';
import { WEIGHT_OF } from '../collation.ts';
import { defineCommand } from '../command.ts';
import { givenRow, parseId } from '../input.ts';
import { quoted } from '../../errors.ts';
import { lockCustomer } from '../lock.ts';
import { isVisible } from '../text.ts';
import { refuse } from '../user-errors.ts';
import { parseTags } from './input.ts';
import { MAX_TAGS } from './table.ts';
import { textOfTags } from './recorded.ts';
import { assertFits, raiseVersion, recordUpdate } from './row.ts';

type Edit = (transaction: Transaction, customer: Customer, tags: readonly string[]) => Promise<unknown>;

/** Adds tags to a customer; existing ones stay as they are. If refused, the payload shows the current customer. */
export const addTags = tagCommand(async (transaction, customer, tags) => {
  await assertDifferent(transaction, tags);
  await writeTags(transaction, customer, tags);
});

/** Removes tags from a customer, ignoring those that it does not have. If refused, the payload shows the current customer. */
export const removeTags = tagCommand(
  (transaction, { id }, tags) =>
    transaction.customerTag.deleteMany({ where: { customerId: id, tag: { in: [...tags] } } }),
  // Other programs may have stored tags that no filter finds.
  isVisible,
);

function tagCommand(edit: Edit, isEnough?: (tag: string) => boolean) {
  return defineCommand({
    // Both mutations have the same input.
    parse: ({ customerId, tags, expectedVersion }: AddTagsInput, problems) => {
      if (tags.length === 0) problems.add('INVALID_INPUT', ['tags'], `Expected 1 to ${MAX_TAGS} tags, got none.`);
      const id = parseId('Customer', customerId, { path: ['customerId'], problems });
      return { id, tags: parseTags(tags, problems, isEnough), expectedVersion };
    },
    locks: ({ id }) => ['Customer', id],
    async run(write, { id, tags, expectedVersion }) {
      const { transaction } = write;
      const customer = await lockCustomer(write, { id, path: ['customerId'], expectedVersion });
      const before = await tagsOf(transaction, customer.id);
      await edit(transaction, customer, tags);
      const after = await tagsOf(transaction, customer.id);
      // Checked after writing, since only the database knows which tags are equal.
      assertFits('tags', { before: before.length, after: after.length, path: ['tags'] });
      if (after.length !== before.length) {
        await raiseVersion(write, customer, {});
        const texts = { before: { tags: textOfTags(before) }, after: { tags: textOfTags(after) } };
        await recordUpdate(write, { row: customer }, texts);
      }
      return { customerId: String(customer.id) };
    },
    refused: ({ customerId }) => ({ customerId: givenRow('Customer', customerId) }),
  });
}

/** A customer's tags, in their sort order. */
export async function tagsOf(transaction: Transaction, customerId: bigint): Promise<string[]> {
  const rows = await transaction.customerTag.findMany({ where: { customerId }, orderBy: { tag: 'asc' } });
  return rows.map(({ tag }) => tag);
}

/**
 * Refuses two given tags that the database considers equal, such as `ガ` and `か`: one of them would be lost silently. Tags that
 * differ only in case have already been merged.
 */
export async function assertDifferent(transaction: Transaction, tags: readonly string[]): Promise<void> {
  if (tags.length < 2) return;
  const [before = '', after = ''] = WEIGHT_OF.split('?');
  const weights = tags.map(
    (tag, i) => Prisma.sql`SELECT ${i} AS i, ${Prisma.raw(before)}${tag}${Prisma.raw(after)} AS weight`,
  );
  const rows = await transaction.$queryRaw<{ i: bigint; weight: string }[]>(Prisma.join(weights, ' UNION ALL '));
  const known = new Map<string, string>();
  for (const { i, weight } of rows.toSorted((a, b) => Number(a.i) - Number(b.i))) {
    const [tag = '', other] = [tags[Number(i)], known.get(weight)];
    if (other !== undefined)
      refuse(
        'INVALID_INPUT',
        ['tags'],
        `Expected tags that differ, got ${quoted(other)} and ${quoted(tag)}, which count as the same.`,
      );
    known.set(weight, tag);
  }
}

/**
 * Adds to a customer's tags; `tagsOf` returns the result. Only the database knows which tags are equal: its collation ignores
 * accents and case, and treats ß as ss.
 */
export async function writeTags(
  transaction: Transaction,
  { id, name, createdAt, updatedAt, ownerId }: Customer,
  tags: readonly string[],
): Promise<void> {
  if (tags.length === 0) return;
  const data = tags.map((tag) => ({ customerId: id, tag, name, createdAt, updatedAt, ownerId }));
  await transaction.customerTag.createMany({ data, skipDuplicates: true });
}
