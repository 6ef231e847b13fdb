/** A cursor's parts, as `src/relay/cursor.ts` writes them: version, list, order, instance, value, id. */
export type CursorParts = readonly [number, string, string, string, string | number | null, string];

/** Decodes a cursor from the gateway. */
export function cursorParts(cursor: string | null | undefined): CursorParts {
  return JSON.parse(Buffer.from(cursor ?? '', 'base64url').toString()) as CursorParts;
}

/** Encodes a cursor of any parts, well-formed or not. */
export const cursorOf = (parts: unknown): string => Buffer.from(JSON.stringify(parts)).toString('base64url');

/** The cursor of another row of the same list. */
export function movedTo(cursor: string | null | undefined, row: { value: unknown; id: unknown }): string {
  const value = row.value instanceof Date ? row.value.toISOString() : row.value;
  return cursorOf([...cursorParts(cursor).slice(0, 4), value, String(row.id)]);
}
