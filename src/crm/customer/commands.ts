import { quoted } from '../../errors.ts';
import type { Transaction } from '../../db/transaction.ts';
import { violatedIndex } from '../../db/transaction.ts';
import type {
  CreateCustomerInput,
  DeleteCustomerInput,
  UpdateCustomerInput,
  UserError,
} from '../../generated/graphql.ts';
import type { Customer } from '../../generated/prisma/client.ts';
import type { ChangedType, Writer } from '../context.ts';
import { globalId, parseGlobalId } from '../global-id.ts';
import { payload, Problems, refuse } from '../user-errors.ts';
import { parseAddresses, parseCustomerFields, parseTags, type CustomerValues } from './input.ts';

/** What a command gives its payload's resolvers. */
export interface CustomerPayload {
  readonly customerId: string | null;
  readonly userErrors: UserError[];
}

/** Stored answers that a change to a customer's own fields can make wrong. */
const OWN: readonly ChangedType[] = ['Customer', 'Change'];
const ALL: readonly ChangedType[] = ['Customer', 'Change', 'Order', 'Ticket', 'Interaction'];

/** Records a new customer with its tags, addresses and first entry in the record of changes. */
export function createCustomer(writer: Writer, input: CreateCustomerInput) {
  return payload({ customerId: null }, async () => {
    const problems = new Problems();
    const values = parseCustomerFields(input, problems);
    const tags = parseTags(input.tags, problems);
    const addresses = parseAddresses(input.addresses, problems);
    problems.refuse();
    const { name = '', ...rest } = values;
    const now = new Date();
    const create = async (transaction: Transaction) => {
      await assertOwnerExists(transaction, values);
      const row = await transaction.customer.create({ data: { ...rest, name, createdAt: now, updatedAt: now } });
      const owned = { customerId: row.id };
      const writtenTags = await writeTags(transaction, row, tags);
      if (addresses.length > 0)
        await transaction.customerAddress.createMany({ data: addresses.map((address) => ({ ...owned, ...address })) });
      await transaction.customerStats.create({ data: owned });
      const lists = { tags: writtenTags.join(', ') || null, addresses: addresses.length || null };
      await recordChange(transaction, {
        writer,
        customer: row,
        action: 'CREATED',
        before: {},
        after: { ...values, ...lists },
      });
      return { customerId: String(row.id) };
    };
    return writer.transaction(OWN, create).catch(refuseDouble);
  });
}

/** Changes what is given of a customer; raises the version if anything differs. Refused, it shows what is there. */
export async function updateCustomer(writer: Writer, input: UpdateCustomerInput): Promise<CustomerPayload> {
  const given = await payload({ customerId: null }, async () => {
    const id = customerId(input.id);
    const problems = new Problems();
    const values = parseCustomerFields(input, problems);
    problems.refuse();
    const update = async (transaction: Transaction) => {
      const before = await lockCustomer(transaction, { id, expectedVersion: input.expectedVersion });
      const changed = Object.fromEntries(
        Object.entries(values).filter(([name, value]) => before[name as keyof CustomerValues] !== value),
      );
      if (Object.keys(changed).length === 0) return { customerId: String(id) };
      await assertOwnerExists(transaction, changed);
      const updatedAt = new Date();
      const data = { ...changed, version: before.version + 1, updatedAt };
      const customer = await transaction.customer.update({ where: { id }, data });
      await transaction.customerTag.updateMany({ where: { customerId: id }, data: { name: customer.name, updatedAt } });
      await recordChange(transaction, { writer, customer, action: 'UPDATED', before, after: changed });
      return { customerId: String(id) };
    };
    return writer.transaction(OWN, update).catch(refuseDouble);
  });
  const parsed = parseGlobalId(input.id);
  return { ...given, customerId: parsed?.type === 'Customer' ? parsed.id : null };
}

/** Deletes a customer and all that hangs on it. The record of changes stays, with the deletion as its last entry. */
export function deleteCustomer(writer: Writer, input: DeleteCustomerInput) {
  return payload({ deletedCustomerId: null }, async () => {
    const id = customerId(input.id);
    await writer.transaction(ALL, async (transaction) => {
      const customer = await lockCustomer(transaction, { id, expectedVersion: input.expectedVersion });
      const owned = { where: { customerId: id } };
      await transaction.$executeRaw`DELETE i FROM orders AS o JOIN order_items AS i ON i.order_id = o.id WHERE o.customer_id = ${id}`;
      await transaction.order.deleteMany(owned);
      await transaction.interaction.deleteMany(owned);
      await transaction.ticket.deleteMany(owned);
      await transaction.customerTag.deleteMany(owned);
      await transaction.customerAddress.deleteMany(owned);
      await transaction.customerStats.deleteMany(owned);
      await transaction.customerValue.deleteMany(owned);
      await transaction.customer.delete({ where: { id } });
      const gone = { ...customer, version: customer.version + 1 };
      await recordChange(transaction, { writer, customer: gone, action: 'DELETED', before: {}, after: {} });
    });
    return { deletedCustomerId: globalId('Customer', String(id)) };
  });
}

/**
 * Writes a customer's tags and gives those that are there now. The database alone knows which of them are the same:
 * its collation passes over accents and case, and takes ß for ss.
 */
async function writeTags(
  transaction: Transaction,
  { id, name, createdAt, updatedAt }: Customer,
  tags: readonly string[],
): Promise<readonly string[]> {
  if (tags.length === 0) return tags;
  const data = tags.map((tag) => ({ customerId: id, tag, name, createdAt, updatedAt }));
  const { count } = await transaction.customerTag.createMany({ data, skipDuplicates: true });
  if (count === tags.length) return tags;
  const found = await transaction.customerTag.findMany({ where: { customerId: id }, select: { tag: true } });
  const written = new Set(found.map(({ tag }) => tag));
  return tags.filter((tag) => written.has(tag));
}

function customerId(text: string): bigint {
  const parsed = parseGlobalId(text);
  return parsed?.type === 'Customer'
    ? BigInt(parsed.id)
    : refuse('NOT_FOUND', ['id'], `Expected the id of a Customer, got ${quoted(text)}.`);
}

/** The customer's row, locked until the transaction ends: all that is written about one customer waits for it. */
async function lockCustomer(
  transaction: Transaction,
  { id, expectedVersion }: { id: bigint; expectedVersion: number | null | undefined },
): Promise<Customer> {
  await transaction.$queryRaw`SELECT id FROM customers WHERE id = ${id} FOR UPDATE`;
  const customer = await transaction.customer.findUnique({ where: { id } });
  if (customer === null) return refuse('NOT_FOUND', ['id'], 'There is no such customer.');
  if (expectedVersion !== null && expectedVersion !== undefined && customer.version !== expectedVersion)
    return refuse('CONFLICT', ['expectedVersion'], `Expected version ${expectedVersion}, found ${customer.version}.`);
  return customer;
}

async function assertOwnerExists(transaction: Transaction, { ownerId }: { ownerId?: bigint | null }): Promise<void> {
  if (ownerId === null || ownerId === undefined) return;
  const owner = await transaction.agent.findUnique({ where: { id: ownerId }, select: { id: true } });
  if (owner === null) refuse('NOT_FOUND', ['ownerId'], 'There is no such agent.');
}

const UNIQUE_FIELDS: Readonly<Record<string, string>> = {
  customers_email_key: 'email',
  customers_external_id_key: 'externalId',
};

function refuseDouble(error: unknown): never {
  const field = UNIQUE_FIELDS[violatedIndex(error) ?? ''];
  if (field === undefined) throw error;
  return refuse('ALREADY_EXISTS', [field], `Another customer has this ${field} already.`);
}

/** Adds to the record of changes: the fields that differ, before and after, as texts. */
async function recordChange(
  transaction: Transaction,
  change: {
    writer: Writer;
    customer: { id: bigint; version: number };
    action: string;
    before: Readonly<Record<string, FieldValue>>;
    after: Readonly<Record<string, FieldValue>>;
  },
): Promise<void> {
  const fields = Object.entries(change.after)
    .map(([field, value]) => ({ field, before: asText(change.before[field]), after: asText(value) }))
    .filter((field) => field.before !== field.after);
  await transaction.customerChange.create({
    data: {
      customerId: change.customer.id,
      version: change.customer.version,
      action: change.action,
      actor: change.writer.actor,
      changes: JSON.stringify(fields),
      occurredAt: new Date(),
    },
  });
}

type FieldValue = string | number | bigint | Date | null | undefined;

const asText = (value: FieldValue): string | null => (value === null || value === undefined ? null : String(value));
