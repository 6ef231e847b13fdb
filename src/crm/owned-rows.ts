import { sortedIndexName } from '../batch/index-choice.ts';
import { sqlName, type Table } from '../batch/table.ts';
import type { Resolvers } from '../generated/graphql.ts';
import { Prisma } from '../generated/prisma/client.ts';
import { noteChange, type Write } from './writer.ts';

/**
 * Deletes everything that belongs to a customer in other types' tables: first what belongs to these rows, then the rows. The
 * customer must be locked.
 * @returns by table, how many rows it had there; tables without any are left out
 */
export async function deleteOwnedRows(write: Write, customerId: bigint): Promise<Readonly<Record<string, number>>> {
  const { transaction } = write;
  const deleted: Record<string, number> = {};
  for (const { table, children } of write.owned) {
    const rows = ownedBy(table, customerId);
    // Forced as in `moveOwnedRows`; a DELETE takes no hint but in its form for several tables.
    const from = `FROM ${table.name} AS t FORCE INDEX (\`${customerIndex(table)}\`)`;
    for (const child of children) {
      const join = `STRAIGHT_JOIN ${child.name} AS c FORCE INDEX (PRIMARY) ON c.${sqlName(child, child.parent)} = t.id`;
      await transaction.$executeRaw`DELETE c ${Prisma.raw(`${from} ${join}`)} WHERE t.${rows}`;
    }
    const count = await transaction.$executeRaw`DELETE t ${Prisma.raw(from)} WHERE t.${rows}`;
    if (count === 0) continue;
    deleted[table.name] = count;
    noteChange(write, typeOf(table), { customerId });
  }
  return deleted;
}

/**
 * Moves everything that belongs to a customer in other types' tables to another customer. The rows' contents stay the same, so
 * neither versions nor `updated_at` change. Both customers must be locked.
 */
export async function moveOwnedRows(write: Write, { from, to }: { from: bigint; to: bigint }): Promise<void> {
  for (const { table } of write.owned) {
    // Forced: one customer may have most of a small table, and a scan would lock other customers' rows.
    const target = Prisma.raw(`${table.name} FORCE INDEX (\`${customerIndex(table)}\`)`);
    const count = await write.transaction
      .$executeRaw`UPDATE ${target} SET ${ownedBy(table, to)} WHERE ${ownedBy(table, from)}`;
    if (count > 0) for (const customerId of [from, to]) noteChange(write, typeOf(table), { customerId });
  }
}

// createSchema has checked that the schema has a type of this name.
const typeOf = ({ type }: Table) => type as keyof Resolvers;

const ownedBy = (table: Table, customerId: bigint): Prisma.Sql =>
  Prisma.sql`${Prisma.raw(sqlName(table, 'customerId'))} = ${customerId}`;

/** The name of an index that begins with the customer's column. */
export function customerIndex(table: Table): string {
  const columns = table.indexes.find(([first, ...rest]) => first === 'customerId' && rest.length === 1);
  if (columns === undefined) throw new TypeError(`${table.name}: expected an index of customerId and a sort column`);
  return sortedIndexName(table, columns);
}
