import type { Transaction } from '../../db/transaction.ts';
import type { Customer } from '../../generated/prisma/client.ts';
import { isGiven } from '../../given.ts';
import { assertAgentExists } from '../agents.ts';
import { changedFields } from '../changes.ts';
import type { Checks } from '../command.ts';
import { refuseTaken } from '../user-errors.ts';
import type { CustomerValues } from './input.ts';

/**
 * The checks of a customer's fields: an owner that does not exist, and keys that another customer has.
 * @param row as it is stored; null for a new customer
 */
export function checkFields(transaction: Transaction, row: Customer | null, values: CustomerValues): Checks {
  const { ownerId } = row === null ? values : changedFields(row, values);
  // Looked up even if they are its own: as many statements whoever has them.
  const { email, externalId } = values;
  const isAnother = (id: bigint | undefined) => id !== undefined && id !== row?.id;
  return [
    () => assertAgentExists(transaction, 'ownerId', ownerId),
    async () => {
      if (!isGiven(email)) return;
      const found = await transaction.customer.findUnique({ where: { email } });
      if (isAnother(found?.id)) refuseTaken('customer', 'email');
    },
    async () => {
      if (!isGiven(externalId)) return;
      const found = await transaction.customer.findUnique({ where: { externalId } });
      const merge = await transaction.customerMerge.findUnique({ where: { externalId } });
      if (isAnother(found?.id) || isAnother(merge?.keptId)) refuseTaken('customer', 'externalId');
    },
  ];
}
