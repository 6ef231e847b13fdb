import { isRowId, type RowId } from '../batch/table.ts';
import { createError, quoted } from '../errors.ts';

/** The types that `node` can load. */
export const NODE_TYPES = ['Customer', 'Order', 'Product', 'Ticket', 'Interaction', 'Agent'] as const;

export type NodeType = (typeof NODE_TYPES)[number];

/** The opaque, global id of a row: `Customer:42` in base64url. */
export function globalId(type: NodeType, id: RowId): string {
  // Costs less than half of a Buffer. These characters produce neither + nor / in base64.
  const text = btoa(`${type}:${id}`);
  const padding = text.indexOf('=', text.length - 2);
  return padding < 0 ? text : text.slice(0, padding);
}

/** Decodes an id to its type and row, or undefined for text that is not one of our ids. */
export function parseGlobalId(text: string): { readonly type: NodeType; readonly id: RowId } | undefined {
  if (text.length > 64 || !/^[\w-]+$/.test(text)) return undefined;
  const [typeName, id, ...rest] = Buffer.from(text, 'base64url').toString('latin1').split(':');
  const type = NODE_TYPES.find((candidate) => candidate === typeName);
  return type !== undefined && isRowId(id) && rest.length === 0 ? { type, id } : undefined;
}

/** `a Customer`, `an Agent`, for messages. */
export const withArticle = (type: NodeType): string => `${/^[AEIOU]/.test(type) ? 'an' : 'a'} ${type}`;

/**
 * The row that an id argument refers to.
 * @param argument its name, for the message
 * @throws BAD_USER_INPUT for text that is not an id, or the id of another type
 */
export function rowIdOf(type: NodeType, text: string, argument: string): RowId {
  const parsed = parseGlobalId(text);
  if (parsed?.type === type) return parsed.id;
  const came = parsed === undefined ? quoted(text) : `that of ${withArticle(parsed.type)}`;
  throw createError('BAD_USER_INPUT', `Argument "${argument}": expected the id of ${withArticle(type)}, got ${came}.`);
}
