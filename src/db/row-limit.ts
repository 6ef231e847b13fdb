import { createRequire } from 'node:module';

/**
 * Called for each row of a result before it is decoded, with its bytes as sent by the server; false to have it dropped, and all rows
 * before it.
 */
export type TakesRow = (bytes: number) => boolean;

/** The driver's internals that its types leave out: a command that reads a result. */
interface DriverParser {
  readonly initialValues: unknown;
  /** The rows of each result of the statement. */
  readonly _rows: (readonly unknown[])[];
  readonly _responseIndex: number;
  parseRow: (packet: { readonly pos: number; readonly end: number }) => unknown;
  setParser: (this: DriverParser) => void;
}

const DROPPED: readonly unknown[] = Object.freeze([]);

/** By the list of a statement's values, which the driver keeps until it has the result. */
const limits = new WeakMap<WeakKey, TakesRow>();

let isPatched = false;

/**
 * Has the driver (mariadb 3.4.5) ask before it decodes a row, since it reads a whole result before it gives away any of it. It has no
 * setting for that: `typeCast` is called for each value, and slows down every read.
 * @param values the statement's, which no other statement has
 */
export function limitRows(values: object, takesRow: TakesRow): void {
  patchDriver();
  limits.set(values, takesRow);
}

function patchDriver(): void {
  if (isPatched) return;
  isPatched = true;
  const { prototype } = createRequire(import.meta.url)('mariadb/lib/cmd/parser.js') as { prototype: DriverParser };
  const { setParser } = prototype;
  prototype.setParser = function (this: DriverParser): void {
    setParser.call(this);
    const takesRow = typeof this.initialValues === 'object' && limits.get(this.initialValues ?? DROPPED);
    if (typeof takesRow !== 'function') return;
    const parseRow = this.parseRow.bind(this);
    let isDropping = false;
    this.parseRow = (packet) => {
      if (takesRow(packet.end - packet.pos)) return parseRow(packet);
      // The server sends the others all the same: until then, these would be kept.
      // oxlint-disable-next-line no-underscore-dangle
      if (!isDropping) this._rows[this._responseIndex] = [];
      isDropping = true;
      return DROPPED;
    };
  };
}
