import type { Condition } from '../batch/list-query.ts';
import type { ListLoaders } from '../batch/lists.ts';
import type { RowId } from '../batch/table.ts';
import { createConnection, type Connection, type ConnectionArgs, type Paging } from '../relay/connection.ts';
import { sortBy, type SortArgument } from './filters.ts';

/** What a connection field lists: the rows of a parent that satisfy conditions; without these, all rows. */
interface Listed {
  readonly parent?: RowId;
  readonly conditions?: readonly Condition[];
  /** The field's arguments for the page and the order. */
  readonly args: ConnectionArgs & { readonly orderBy?: SortArgument };
}

/**
 * Creates the value of a connection field, in the order that its argument `orderBy` asks for, or else in its table's own.
 * @throws BAD_USER_INPUT as `createConnection` does
 */
export function connectionOf<Row extends { readonly id: RowId; readonly [column: string]: unknown }>(
  loaders: ListLoaders<Row>,
  { parent, conditions = [], args: { orderBy, ...args } }: Listed,
  paging: Paging,
): Connection<Row> {
  const sort = sortBy(loaders.source.table, orderBy);
  return createConnection(loaders, { parent: parent ?? null, conditions, sort }, { args, paging });
}
