import type { RowId } from '../batch/table.ts';
import { createError } from '../errors.ts';
import type { Context } from './context.ts';

/**
 * Whether a caller may find rows of a type by themselves that belong to no customer. A caller who may see only the customers of one
 * agent finds this agent alone; others, and products, only where a customer leads to them.
 */
export const mayFind = (
  { owner }: Pick<Context, 'owner'>,
  { type, id }: { readonly type: string; readonly id?: RowId },
): boolean => owner === undefined || (type === 'Agent' ? id === owner : type !== 'Product');

/** @throws FORBIDDEN for a list of such rows, whoever finds them */
export function assertMayList({ owner }: Pick<Context, 'owner'>, field: string): void {
  if (owner !== undefined)
    throw createError('FORBIDDEN', `"${field}" is for callers who see all customers, not those of one agent.`);
}
