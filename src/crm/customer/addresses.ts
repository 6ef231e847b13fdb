import type { SetAddressesInput } from '../../generated/graphql.ts';
import type { Transaction } from '../../db/transaction.ts';
import type { CustomerAddress } from '../../generated/prisma/client.ts';
import { defineCommand } from '../command.ts';
import { givenRow, parseId } from '../input.ts';
import { lockCustomer } from '../lock.ts';
import { parseAddresses } from './input.ts';
import { textOfAddresses } from './recorded.ts';
import { raiseVersion, recordUpdate } from './row.ts';

/** Replaces all addresses of a customer. If refused, the payload shows the current customer. */
export const setAddresses = defineCommand({
  parse: ({ customerId, addresses, expectedVersion }: SetAddressesInput, problems) => ({
    id: parseId('Customer', customerId, { path: ['customerId'], problems }),
    addresses: parseAddresses(addresses, problems),
    expectedVersion,
  }),
  locks: ({ id }) => ['Customer', id],
  async run(write, { id, addresses, expectedVersion }) {
    const customer = await lockCustomer(write, { id, path: ['customerId'], expectedVersion });
    const owned = { customerId: customer.id };
    const { customerAddress } = write.transaction;
    const before = textOfAddresses(await addressesOf(write.transaction, customer.id));
    const after = textOfAddresses(addresses);
    // Otherwise, a version that stays the same would tell a caller who may not see them that a guess was right.
    if (before !== after || (addresses.length > 0 && write.hides('addresses'))) {
      await customerAddress.deleteMany({ where: owned });
      if (addresses.length > 0)
        await customerAddress.createMany({ data: addresses.map((address) => ({ ...owned, ...address })) });
      await raiseVersion(write, customer, {});
      await recordUpdate(write, { row: customer }, { before: { addresses: before }, after: { addresses: after } });
    }
    return { customerId: String(customer.id) };
  },
  refused: ({ customerId }) => ({ customerId: givenRow('Customer', customerId) }),
});

/** A customer's addresses, in order. */
export function addressesOf(transaction: Transaction, customerId: bigint): Promise<CustomerAddress[]> {
  return transaction.customerAddress.findMany({ where: { customerId }, orderBy: { position: 'asc' } });
}
