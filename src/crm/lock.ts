import { Prisma, type Customer } from '../generated/prisma/client.ts';
import { isGiven, type Maybe } from '../given.ts';
import { refuse } from './user-errors.ts';
import type { Write } from './writer.ts';

export const NO_CUSTOMER = 'There is no such customer.';

export interface CustomerToLock {
  readonly id: bigint;
  /** The path of the id's field below `input`, such as `['customerId']`. */
  readonly path: readonly string[];
  readonly expectedVersion?: Maybe<number>;
  /** The message when the customer does not exist, if the id was not given as a customer's. */
  readonly missing?: string;
}

/**
 * Refuses with NOT_FOUND the first of the given customers that a caller who may write those of one agent alone may not write; does
 * nothing for other callers. Call it before anything that depends on a row: it asks for each customer, whatever is found of the
 * others, by one statement, which waits for no lock. So neither how long a refusal takes nor how many statements tells whether
 * a customer is another agent's, or was merged into one, or does not exist.
 */
export async function assertMayWrite(
  { transaction, agent }: Pick<Write, 'transaction' | 'agent'>,
  given: readonly Omit<CustomerToLock, 'expectedVersion'>[],
): Promise<void> {
  if (agent === undefined) return;
  const found: (readonly unknown[])[] = [];
  for (const { id } of given)
    found.push(
      await transaction.$queryRaw<unknown[]>`SELECT id FROM customers FORCE INDEX (PRIMARY)
        WHERE id = COALESCE((SELECT kept_id FROM customer_merges WHERE merged_id = ${id}), ${id}) AND owner_id = ${agent}`,
    );
  for (const [i, { path, missing = NO_CUSTOMER }] of given.entries())
    if (found[i]?.length === 0) refuse('NOT_FOUND', path, missing);
}

/**
 * Locks a customer's row until the transaction ends, and returns it. All writes about one customer wait for this lock, so that
 * its summary can be stored next to its rows. A merged customer's id leads to the one that it was merged into. Refuses with
 * NOT_FOUND, also if the caller may not see it, or with CONFLICT if the version is not the expected one. Advances `write.now`.
 */
export async function lockCustomer(write: Write, customer: CustomerToLock): Promise<Customer> {
  await assertMayWrite(write, [customer]);
  return lockAllowed(write, customer);
}

/** The same for a customer that `assertMayWrite` has not refused. */
export async function lockAllowed(
  write: Write,
  { id, path, expectedVersion, missing = NO_CUSTOMER }: CustomerToLock,
): Promise<Customer> {
  const { transaction } = write;
  const customer = (await lockRow(transaction, id)) ?? (await lockKept(transaction, id));
  // It may have been given to another agent since it was asked for.
  const isHidden = write.agent !== undefined && customer?.ownerId !== write.agent;
  if (customer === null || isHidden) return refuse('NOT_FOUND', path, missing);
  advanceTime(write, customer);
  assertVersion(customer, expectedVersion);
  return customer;
}

/** A customer's row, or that of the one that it was merged into, without a lock; null if there is neither. */
export async function findCustomer(transaction: Write['transaction'], id: bigint): Promise<Customer | null> {
  const customer = await transaction.customer.findUnique({ where: { id } });
  if (customer !== null) return customer;
  const merge = await transaction.customerMerge.findUnique({ where: { mergedId: id } });
  return merge === null ? null : transaction.customer.findUnique({ where: { id: merge.keptId } });
}

/** The last time that the database can store. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Sets the time of a write that has just locked a row: not before it got the lock, since another write may have held it until
 * then, and later than that write even if another machine's clock, which was ahead, gave its time.
 */
function advanceTime(write: Write, { updatedAt }: { readonly updatedAt: Date }): void {
  const times = [write.now.getTime(), Date.now(), updatedAt.getTime() + 1];
  // Another program may have stored a date that does not exist.
  write.now = new Date(Math.min(LAST_MS, Math.max(...times.filter((time) => !Number.isNaN(time)))));
}

/** A customer's id that no row has. */
const NOBODY = 0n;

/** A row that belongs to a customer and has its own id and version. */
interface OwnedRow {
  readonly customerId: bigint;
  readonly version: number;
  readonly updatedAt: Date;
}

export interface RowToLock<Row extends OwnedRow> {
  /** What it is called in messages, such as `ticket`. */
  readonly thing: string;
  readonly find: () => Promise<Row | null>;
  /** `SELECT ... FOR UPDATE` of the same row. */
  readonly lock: () => Promise<unknown>;
  readonly expectedVersion: Maybe<number>;
}

/**
 * Locks a row that belongs to a customer together with that customer, until the transaction ends; the customer first, as
 * everywhere. The owner must be read before locking, so the row is read again afterwards: a merge may have moved it meanwhile.
 * Refuses at `id` with NOT_FOUND, or with CONFLICT if the version is not the expected one. Advances `write.now`.
 */
export async function lockOwned<Row extends OwnedRow>(
  write: Write,
  { thing, find, lock, expectedVersion }: RowToLock<Row>,
): Promise<Row> {
  const missing = `There is no such ${thing}.`;
  for (;;) {
    const seen = await find();
    if (seen === null) {
      // Another agent's row is refused by this statement, so one that does not exist takes it, too.
      await assertMayWrite(write, [{ id: NOBODY, path: ['id'], missing }]);
      return refuse('NOT_FOUND', ['id'], missing);
    }
    const customer = await lockCustomer(write, { id: seen.customerId, path: ['id'], missing });
    await lock();
    const row = await find();
    // It was not moved, or moved together with its customer. Otherwise, start over.
    if (row?.customerId === customer.id || row?.customerId === seen.customerId) {
      advanceTime(write, row);
      assertVersion(row, expectedVersion);
      return { ...row, customerId: customer.id };
    }
  }
}

/** Refuses with CONFLICT, naming the current version, if another one is expected. */
function assertVersion(row: { readonly version: number }, expectedVersion: CustomerToLock['expectedVersion']): void {
  if (isGiven(expectedVersion) && row.version !== expectedVersion)
    refuse('CONFLICT', ['expectedVersion'], `Expected version ${expectedVersion}, found ${row.version}.`);
}

const COLUMNS = {
  id: 'id',
  externalId: 'external_id',
  name: 'name',
  email: 'email',
  phone: 'phone',
  company: 'company',
  status: 'status',
  ownerId: 'owner_id',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  version: 'version',
} as const satisfies Record<keyof Customer, string>;
const SELECT_LIST = Prisma.raw(
  Object.entries(COLUMNS)
    .map(([field, column]) => `${column} AS ${field}`)
    .join(', '),
);

// Prisma's own queries cannot lock rows, and reading the row after locking it would be another round trip.
async function lockRow(transaction: Write['transaction'], id: bigint): Promise<Customer | null> {
  const query = Prisma.sql`SELECT ${SELECT_LIST} FROM customers WHERE id = ${id} FOR UPDATE`;
  const [row] = await transaction.$queryRaw<Customer[]>(query);
  return row ?? null;
}

// The kept customer may be merged itself while we wait for its lock, so the merge is looked up again.
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
