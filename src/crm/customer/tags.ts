import type { Transaction } from '../../db/transaction.ts';
import type { AddTagsInput } from '../../generated/graphql.ts';
import { Prisma, type Customer } from '../../generated/prisma/client.ts';
import { defineCommand } from '../command.ts';
import { givenRow, parseId } from '../input.ts';
import { quoted } from '../../errors.ts';
import { lockCustomer } from '../lock.ts';
import { refuse } from '../user-errors.ts';
import { parseTags } from './input.ts';
import { MOST_TAGS } from './loaders.ts';
import { textOfTags } from './recorded.ts';
import { assertFits, OWN_TYPES, raiseVersion, recordUpdate } from './row.ts';

type Edit = (transaction: Transaction, customer: Customer, tags: readonly string[]) => Promise<unknown>;

/** Adds tags to a customer. Those that are there already stay as they are. Refused, it shows what is there. */
export const addTags = tagCommand('addTags', async (transaction, customer, tags) => {
  await assertDifferent(transaction, tags);
  await writeTags(transaction, customer, tags);
});

/** Takes tags off a customer; passes over those that are not there. Refused, it shows what is there. */
export const removeTags = tagCommand('removeTags', (transaction, { id }, tags) =>
  transaction.customerTag.deleteMany({ where: { customerId: id, tag: { in: [...tags] } } }),
);

function tagCommand(mutation: string, edit: Edit) {
  return defineCommand({
    mutation,
    changes: OWN_TYPES,
    // Both inputs are alike.
    parse: ({ customerId, tags, expectedVersion }: AddTagsInput, problems) => {
      if (tags.length === 0) problems.add('INVALID_INPUT', ['tags'], `Expected 1 to ${MOST_TAGS} tags, got none.`);
      const id = parseId('Customer', customerId, { path: ['customerId'], problems });
      return { id, tags: parseTags(tags, problems), expectedVersion };
    },
    async run(write, { id, tags, expectedVersion }) {
      const { transaction } = write;
      const customer = await lockCustomer(write, { id, path: ['customerId'], expectedVersion });
      const before = await tagsOf(transaction, customer.id);
      await edit(transaction, customer, tags);
      const after = await tagsOf(transaction, customer.id);
      // Once they are written: the database alone knows which of them are the same.
      assertFits('tags', { before: before.length, after: after.length, path: ['tags'] });
      if (after.length !== before.length) {
        await raiseVersion(write, customer, {});
        const texts = { before: { tags: textOfTags(before) }, after: { tags: textOfTags(after) } };
        await recordUpdate(write, customer, texts);
      }
      return { customerId: String(customer.id) };
    },
    refused: ({ customerId }) => ({ customerId: givenRow('Customer', customerId) }),
  });
}

/** A customer's tags in their order. */
export async function tagsOf(transaction: Transaction, customerId: bigint): Promise<string[]> {
  const rows = await transaction.customerTag.findMany({ where: { customerId }, orderBy: { tag: 'asc' } });
  return rows.map(({ tag }) => tag);
}

/**
 * Refuses two tags that are given together and that the database takes for one, such as `ガ` and `か`: one of them would be
 * lost without a word. Those that differ in case alone are one by the time they come here.
 */
export async function assertDifferent(transaction: Transaction, tags: readonly string[]): Promise<void> {
  if (tags.length < 2) return;
  const weights = tags.map(
    (tag, i) =>
      Prisma.sql`SELECT ${i} AS i, HEX(WEIGHT_STRING(CAST(${tag} AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_unicode_520_ci)) AS weight`,
  );
  const rows = await transaction.$queryRaw<{ i: bigint; weight: string }[]>(Prisma.join(weights, ' UNION ALL '));
  const known = new Map<string, string>();
  for (const { i, weight } of rows.toSorted((a, b) => Number(a.i) - Number(b.i))) {
    const [tag = '', other] = [tags[Number(i)], known.get(weight)];
    if (other !== undefined)
      refuse(
        'INVALID_INPUT',
        ['tags'],
        `Expected tags that differ, got ${quoted(other)} and ${quoted(tag)}, which are one.`,
      );
    known.set(weight, tag);
  }
}

/**
 * Adds to a customer's tags; `tagsOf` tells which there are then. The database alone knows which of them are the same:
 * its collation passes over accents and case, and takes ß for ss.
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
