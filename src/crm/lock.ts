import type { Customer } from '../generated/prisma/client.ts';
import { refuse } from './user-errors.ts';
import type { Write } from './writer.ts';

export interface CustomerToLock {
  readonly id: bigint;
  /** The id's field below `input`, such as `['customerId']`. */
  readonly path: readonly string[];
  readonly expectedVersion?: number | null | undefined;
  /** What is said when there is none, where the id was not given as the customer's. */
  readonly missing?: string;
}

/**
 * The customer's row, locked until the transaction ends: all that is written about one customer waits for it, so counts
 * and sums of its rows can be kept beside them. The id of a merged customer gives the one that it went into.
 * Refuses with NOT_FOUND, or with CONFLICT for another version than the one expected.
 */
export async function lockCustomer(
  { transaction }: Write,
  { id, path, expectedVersion, missing = 'There is no such customer.' }: CustomerToLock,
): Promise<Customer> {
  const customer = (await lockRow(transaction, id)) ?? (await lockKept(transaction, id));
  if (customer === null) return refuse('NOT_FOUND', path, missing);
  assertVersion(customer, expectedVersion);
  return customer;
}

/** A row that belongs to a customer and has an id and versions of its own. */
interface OwnedRow {
  readonly customerId: bigint;
  readonly version: number;
}

export interface RowToLock<Row extends OwnedRow> {
  /** What it is, for messages, such as `ticket`. */
  readonly thing: string;
  readonly find: () => Promise<Row | null>;
  /** `SELECT ... FOR UPDATE` of the same row. */
  readonly lock: () => Promise<unknown>;
  readonly expectedVersion: number | null | undefined;
}

/**
 * A row that belongs to a customer, locked with it until the transaction ends: the customer first, as everywhere. Whose
 * it is has to be read before that, so it is read again afterwards: a merge may have moved it meanwhile.
 * Refuses, at `id`, with NOT_FOUND, or with CONFLICT for another version than the one expected.
 */
export async function lockOwned<Row extends OwnedRow>(
  write: Write,
  { thing, find, lock, expectedVersion }: RowToLock<Row>,
): Promise<Row> {
  const missing = `There is no such ${thing}.`;
  for (;;) {
    const seen = await find();
    if (seen === null) return refuse('NOT_FOUND', ['id'], missing);
    const customer = await lockCustomer(write, { id: seen.customerId, path: ['id'], missing });
    await lock();
    const row = await find();
    // Moved with its customer, or not at all; anything else is looked at anew.
    if (row?.customerId === customer.id || row?.customerId === seen.customerId) {
      assertVersion(row, expectedVersion);
      return { ...row, customerId: customer.id };
    }
  }
}

/** Refuses with CONFLICT, naming the version that is there now, when another one is expected. */
function assertVersion(row: { readonly version: number }, expectedVersion: CustomerToLock['expectedVersion']): void {
  if (expectedVersion !== null && expectedVersion !== undefined && row.version !== expectedVersion)
    refuse('CONFLICT', ['expectedVersion'], `Expected version ${expectedVersion}, found ${row.version}.`);
}

async function lockRow(transaction: Write['transaction'], id: bigint): Promise<Customer | null> {
  await transaction.$queryRaw`SELECT id FROM customers WHERE id = ${id} FOR UPDATE`;
  return transaction.customer.findUnique({ where: { id } });
}

// The kept customer may itself be merged while its lock is waited for, so what the id leads to is looked up again.
async function lockKept(transaction: Write['transaction'], id: bigint): Promise<Customer | null> {
  let last: bigint | undefined;
  for (;;) {
    const merge = await transaction.customerMerge.findUnique({ where: { mergedId: id } });
    if (merge === null || merge.keptId === last) return null;
    last = merge.keptId;
    const customer = await lockRow(transaction, last);
    if (customer !== null) return customer;
  }
}
