import { createError, quoted } from '../errors.ts';
import type { Position } from '../batch/conditions.ts';
import { isRowId, type Column } from '../batch/table.ts';

/** What a cursor belongs to. It is invalid in any other list or order. */
export interface CursorScope {
  /** The list, such as `Customer.orders`. */
  readonly list: string;
  /** The order, such as `PLACED_AT DESC`. */
  readonly order: string;
  /** A hash of the parent and the filter, which tells lists of the same name apart. */
  readonly instance: string;
  // `any`: the sort column may be of any type.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly column: Column<any>;
}

// Increment it when the meaning of the parts changes, so that older cursors are refused instead of misread.
const VERSION = 1;

/** A row's position in its list, opaque to clients. It holds the sort value, so it stays valid after the row is deleted. */
export function encodeCursor(scope: CursorScope, position: Position): string {
  const parts = [VERSION, scope.list, scope.order, scope.instance, position.value, position.id];
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/**
 * Decodes a cursor.
 * @param argument the argument's name, for the message
 * @throws BAD_USER_INPUT for one that is malformed, of another list, filter or order, or of another version
 */
export function decodeCursor(scope: CursorScope, cursor: string, argument: string): Position {
  const parts = parseParts(cursor);
  if (parts === undefined)
    throw createError(
      'BAD_USER_INPUT',
      `Argument "${argument}": expected a cursor that this list gave, got ${quoted(cursor)}.`,
    );
  const [version, list, order, instance, value, rowId] = parts;
  if (version !== VERSION)
    throw createError(
      'BAD_USER_INPUT',
      `Argument "${argument}": the cursor is of another version; start again from the first page.`,
    );
  if (list !== scope.list || instance !== scope.instance)
    throw createError(
      'BAD_USER_INPUT',
      `Argument "${argument}": the cursor is of another list, filter or order than this one.`,
    );
  if (order !== scope.order)
    throw createError(
      'BAD_USER_INPUT',
      `Argument "${argument}": expected a cursor of the order ${scope.order}, got one of ${quoted(order)}.`,
    );
  if (!isRowId(rowId) || !isScalar(value) || !scope.column.accepts(value))
    throw createError(
      'BAD_USER_INPUT',
      `Argument "${argument}": expected a cursor that this list gave, got ${quoted(cursor)}.`,
    );
  return { value, id: rowId };
}

const isScalar = (value: unknown): value is string | number | null =>
  value === null || typeof value === 'string' || typeof value === 'number';

// Our cursors are far shorter; the limit keeps oversized ones from being parsed.
const LONGEST = 4_096;

function parseParts(cursor: string): readonly unknown[] | undefined {
  if (cursor.length > LONGEST || !/^[\w-]+$/.test(cursor)) return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(parts) && parts.length === 6 ? parts : undefined;
  } catch (error) {
    // Not JSON, so malformed like the rest; the caller reports it.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
