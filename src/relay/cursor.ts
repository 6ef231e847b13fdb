import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  getCipherInfo,
  type CipherGCM,
  type DecipherGCM,
  type KeyObject,
} from 'node:crypto';
import { createError, OperatorError, quoted } from '../errors.ts';
import type { Position } from '../batch/list-query.ts';
import { isRowId, type Column } from '../batch/table.ts';

/** What a cursor belongs to. It is invalid in any other list or order. */
export interface CursorScope {
  /** The list, such as `Customer.orders`. */
  readonly list: string;
  /** The order, such as `PLACED_AT DESC`. */
  readonly order: string;
  /** A hash of the parent and the filter, which tells lists of the same name apart. */
  readonly listHash: string;
  // `any`: the sort column may be of any type.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly column: Column<any>;
}

/** Encodes and decodes cursors with one key. */
export interface Cursors {
  /**
   * A row's position in its list, encrypted. It holds the sort value, so it stays valid after the row is deleted. The same
   * position in the same list always gives the same cursor.
   */
  encode(scope: CursorScope, position: Position): string;
  /**
   * Reads a cursor.
   * @param argument the argument's name, for the message
   * @throws BAD_USER_INPUT for one that was not made with this key, for another list, parent, filter or order, or by another version
   */
  decode(scope: CursorScope, cursor: string, argument: string): Position;
}

/** The length of the key that cursors are encrypted with. */
export const CURSOR_KEY_BYTES = 64;

// AES-SIV; docs/decisions.md says why, and why its input is padded.
const CIPHER = 'aes-256-siv';
const TAG_BYTES = 16;

// Increment this when the meaning of the parts changes, so that older cursors are refused instead of misread.
const VERSION = 2;

const PADDED_TO_BYTES = 16;

/**
 * Creates the encoder and decoder of cursors.
 * @param key `CURSOR_KEY_BYTES` random bytes; cursors that were made with another key are refused
 * @throws OperatorError when this Node.js lacks the cipher
 */
export function createCursors(key: Uint8Array): Cursors {
  if (getCipherInfo(CIPHER) === undefined)
    throw new OperatorError(
      `Expected a Node.js with the cipher ${CIPHER}, such as the one that npm ci installs, got ${process.version}`,
    );
  const secret = createSecretKey(key);
  return {
    encode(scope, { value, id }) {
      const parts = JSON.stringify([VERSION, scope.list, scope.order, scope.listHash, value, id]);
      return seal(secret, parts).toString('base64url');
    },
    decode(scope, cursor, argument) {
      const parts = parseParts(secret, cursor);
      const position = parts && positionOf(scope, parts, argument);
      if (position === undefined)
        throw createError(
          'BAD_USER_INPUT',
          `Argument "${argument}": expected a cursor from this list, got ${quoted(cursor)}.`,
        );
      return position;
    },
  };
}

/** Undefined for a value or an id that no row of the list can have. */
function positionOf(scope: CursorScope, parts: readonly unknown[], argument: string): Position | undefined {
  const [version, list, order, listHash, value, rowId] = parts;
  if (version !== VERSION)
    throw createError(
      'BAD_USER_INPUT',
      `Argument "${argument}": the cursor is from another version of the gateway; start again from the first page.`,
    );
  if (list !== scope.list || listHash !== scope.listHash)
    throw createError('BAD_USER_INPUT', `Argument "${argument}": the cursor is from another list, parent or filter.`);
  if (order !== scope.order)
    throw createError(
      'BAD_USER_INPUT',
      `Argument "${argument}": expected a cursor for the order ${scope.order}, got one for ${quoted(order)}.`,
    );
  return isRowId(rowId) && isScalar(value) && scope.column.accepts(value) ? { value, id: rowId } : undefined;
}

const isScalar = (value: unknown): value is string | number | null =>
  value === null || typeof value === 'string' || typeof value === 'number';

// Our cursors are far shorter; the limit keeps oversized ones from being decrypted.
const LONGEST = 4_096;

function parseParts(key: KeyObject, cursor: string): readonly unknown[] | undefined {
  if (cursor.length > LONGEST) return undefined;
  const sealed = Buffer.from(cursor, 'base64url');
  // Decoding ignores foreign characters and the last character's unused bits, so several texts would be the same cursor.
  if (sealed.toString('base64url') !== cursor) return undefined;
  const text = unseal(key, sealed);
  if (text === undefined) return undefined;
  try {
    const parts: unknown = JSON.parse(text);
    return Array.isArray(parts) && parts.length === 6 ? parts : undefined;
  } catch (error) {
    // Not JSON, so malformed like the rest; the caller reports it.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Returns the authentication tag followed by the ciphertext, as in RFC 5297. Padded with spaces, which JSON.parse ignores. */
function seal(key: KeyObject, json: string): Buffer {
  const missing = PADDED_TO_BYTES - 1 - ((Buffer.byteLength(json) - 1) % PADDED_TO_BYTES);
  // Like GCM, this cipher is authenticated, so the same types fit; @types/node (26.6) has none for it.
  const cipher = createCipheriv(CIPHER, key, null) as CipherGCM;
  const encrypted = cipher.update(json + ' '.repeat(missing), 'utf8');
  cipher.final();
  return Buffer.concat([cipher.getAuthTag(), encrypted]);
}

/** Undefined for anything but what `seal` made with this key. */
function unseal(key: KeyObject, sealed: Buffer): string | undefined {
  // There must be something to decrypt, and Node.js throws a different error for a tag that is too short.
  if (sealed.length <= TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, null) as DecipherGCM;
  decipher.setAuthTag(sealed.subarray(0, TAG_BYTES));
  try {
    const text = decipher.update(sealed.subarray(TAG_BYTES)).toString();
    decipher.final();
    return text;
  } catch {
    // It was made with another key, or changed. Node.js gives that error no code to tell it by; the caller reports it.
    return undefined;
  }
}
