import { createRequire } from 'node:module';

/**
 * Called for each row of a result before it is decoded, with its bytes as sent by the server; false to have it dropped, and all rows
 * before it.
 */
export type TakesRow = (bytes: number) => boolean;

/** The driver's internals that its types leave out: a command that reads a result. */
interface DriverParser {
  readonly initialValues: { readonly [TAKES_ROW]?: TakesRow } | undefined | null;
  /** The rows of each result of the statement. */
  readonly _rows: (readonly unknown[])[];
  readonly _responseIndex: number;
  parseRowAsArray: (this: DriverParser, packet: { readonly pos: number; readonly end: number }) => unknown;
}

const DROPPED: readonly unknown[] = Object.freeze([]);

/**
 * Where the list of a statement's values, which the driver keeps until it has the result, holds its function. In a WeakMap that is old
 * itself, V8 lets values survive each collection of young objects: here, everything that belongs to a request.
 */
const TAKES_ROW = Symbol('takesRow');

let isPatched = false;

/**
 * Has the driver (mariadb 3.4.5) ask before it decodes a row, since it reads a whole result before it gives away any of it. It has no
 * setting for that: `typeCast` is called for each value, and slows down every read.
 * @param values the statement's, which no other statement has
 */
export function limitRows(values: object, takesRow: TakesRow): void {
  patchDriver();
  Object.assign(values, { [TAKES_ROW]: takesRow });
}

function patchDriver(): void {
  if (isPatched) return;
  isPatched = true;
  const { prototype } = createRequire(import.meta.url)('mariadb/lib/cmd/parser.js') as { prototype: DriverParser };
  const { parseRowAsArray } = prototype;
  // On the prototype: V8 keeps what a function refers to that is made for each result until it collects old objects.
  prototype.parseRowAsArray = function (this: DriverParser, packet) {
    const takesRow = this.initialValues?.[TAKES_ROW];
    if (takesRow?.(packet.end - packet.pos) !== false) return parseRowAsArray.call(this, packet);
    // The server sends the others all the same: until then, these would be kept.
    // oxlint-disable-next-line no-underscore-dangle
    this._rows[this._responseIndex] = [];
    return DROPPED;
  };
}
