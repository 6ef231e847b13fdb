import { isRowId, type RowId } from '../batch/table.ts';
import { createError, quoted } from '../errors.ts';
import type { NodeResolvers } from '../generated/graphql.ts';

/** The types that `node` can load: those of the schema that implement `Node`. */
export type NodeType = NonNullable<Awaited<ReturnType<NodeResolvers['__resolveType']>>>;

/** The opaque, global id of a row: `Customer:42` in base64url. */
export function globalId(type: string, id: RowId): string {
  // Costs less than half of a Buffer. These characters produce neither + nor / in base64.
  const text = btoa(`${type}:${id}`);
  const padding = text.indexOf('=', text.length - 2);
  return padding < 0 ? text : text.slice(0, padding);
}

/** Decodes an id to its type's name and row, or undefined for text that could not be one of our ids. */
export function parseGlobalId(text: string): { readonly type: string; readonly id: RowId } | undefined {
  if (text.length > 64 || !/^[\w-]+$/.test(text)) return undefined;
  const [type = '', id, ...rest] = Buffer.from(text, 'base64url').toString('latin1').split(':');
  return /^[A-Z][A-Za-z]*$/.test(type) && isRowId(id) && rest.length === 0 ? { type, id } : undefined;
}

/** `a Customer`, `an Agent`, for messages. */
export const withArticle = (type: string): string => `${/^[AEIOU]/.test(type) ? 'an' : 'a'} ${type}`;

/**
 * The row that an id argument refers to.
 * @param argument its name, for the message
 * @throws BAD_USER_INPUT for text that is not an id, or the id of another type
 */
export function rowIdOf(type: NodeType, text: string, argument: string): RowId {
  const parsed = parseGlobalId(text);
  if (parsed?.type === type) return parsed.id;
  const other = parsed === undefined ? '' : `, that of ${withArticle(parsed.type)}`;
  throw createError(
    'BAD_USER_INPUT',
    `Argument "${argument}": expected the id of ${withArticle(type)}, got ${quoted(text)}${other}.`,
  );
}

/** The row id of the agent whose id this is; undefined for anything else. */
export function agentIdOf(id: unknown): RowId | undefined {
  const parsed = typeof id === 'string' ? parseGlobalId(id) : undefined;
  return parsed?.type === ('Agent' satisfies NodeType) ? parsed.id : undefined;
}
