import { createCipheriv, createDecipheriv, type CipherGCM, type DecipherGCM } from 'node:crypto';
import { withConnection } from './servers.ts';

/** A cursor's parts, as `src/relay/cursor.ts` encrypts them: version, list, order, hash of the parent and filter, value, id. */
export type CursorParts = readonly [number, string, string, string, string | number | null, string];

/** Reads and makes cursors as the gateways on a database do, with their key. */
export interface CursorTools {
  /** Decrypts a cursor from a gateway. */
  parts(cursor: string | null | undefined): CursorParts;
  /** Makes a cursor of any parts, well-formed or not. */
  of(parts: unknown): string;
  /** The cursor of another row of the same list. */
  movedTo(cursor: string | null | undefined, row: { value: unknown; id: unknown }): string;
}

/** A text in base64url, as cursors were before they were encrypted. */
export const inClear = (parts: unknown): string => Buffer.from(JSON.stringify(parts)).toString('base64url');

/** Encrypts a text as RFC 5297 says, which is what a cursor is. */
export function sealed(key: Uint8Array, text: string): string {
  const cipher = createCipheriv('aes-256-siv', key, null) as CipherGCM;
  const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([cipher.getAuthTag(), encrypted]).toString('base64url');
}

function opened(key: Uint8Array, cursor: string): string {
  const bytes = Buffer.from(cursor, 'base64url');
  const decipher = createDecipheriv('aes-256-siv', key, null) as DecipherGCM;
  decipher.setAuthTag(bytes.subarray(0, 16));
  return Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString();
}

/** Needs a gateway to have been started on the database, since it makes the key. */
export async function cursorTools(databaseUrl: string): Promise<CursorTools> {
  const key = await withConnection(databaseUrl, async (connection) => {
    const [row] = await connection.query<{ value: Buffer }[]>("SELECT value FROM gateway_keys WHERE name = 'cursors'");
    if (row === undefined) throw new Error('the database has no key for cursors: start a gateway first');
    return row.value;
  });
  const parts = (cursor: string | null | undefined) => JSON.parse(opened(key, cursor ?? '')) as CursorParts;
  const of = (given: unknown) => sealed(key, JSON.stringify(given));
  return {
    parts,
    of,
    movedTo(cursor, { value, id }) {
      const written = value instanceof Date ? value.toISOString() : value;
      return of([...parts(cursor).slice(0, 4), written, String(id)]);
    },
  };
}
