import { createRequire } from 'node:module';
import { readTime, type DriverPacket } from './driver-times.ts';

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
  parseRowAsArray: (this: DriverParser, packet: DriverPacket) => unknown;
}

const DROPPED: readonly unknown[] = Object.freeze([]);

/**
 * Where the list of a statement's values, which the driver keeps until it has the result, holds its function. In a WeakMap that is old
 * itself, V8 lets values survive each collection of young objects: here, everything that belongs to a request.
 */
const TAKES_ROW = Symbol('takesRow');

let isPatched = false;

/** Whether the row that is being decoded is of a read of ours. Prisma's own statements are read by the same driver. */
let isOurs = false;

/**
 * Has the driver (mariadb 3.4.5) ask before it decodes a row, since it reads a whole result before it gives away any of it, and read
 * DATETIME as the API shows it, in one step. It has no setting for that: `typeCast` is called for each value, and slows down every read.
 * @param values the statement's, which no other statement has
 */
export function readAsOurs(values: object, takesRow: TakesRow): void {
  patchDriver();
  Object.assign(values, { [TAKES_ROW]: takesRow });
}

function patchDriver(): void {
  if (isPatched) return;
  isPatched = true;
  const load = createRequire(import.meta.url);
  patchParser((load('mariadb/lib/cmd/parser.js') as { prototype: DriverParser }).prototype);
  patchTimes((load('mariadb/lib/io/packet.js') as { prototype: DriverPacket }).prototype);
}

function patchParser(prototype: DriverParser): void {
  const { parseRowAsArray } = prototype;
  // On the prototype: V8 keeps what a function refers to that is made for each result until it collects old objects.
  prototype.parseRowAsArray = function (this: DriverParser, packet) {
    const takesRow = this.initialValues?.[TAKES_ROW];
    if (takesRow === undefined) return parseRowAsArray.call(this, packet);
    if (!takesRow(packet.end - packet.pos)) {
      // The server sends the others all the same: until then, these would be kept.
      // oxlint-disable-next-line no-underscore-dangle
      this._rows[this._responseIndex] = [];
      return DROPPED;
    }
    isOurs = true;
    try {
      return parseRowAsArray.call(this, packet);
    } finally {
      isOurs = false;
    }
  };
}

function patchTimes(prototype: DriverPacket): void {
  const { readBinaryDateTimeAsString } = prototype;
  prototype.readBinaryDateTimeAsString = function (this: DriverPacket, scale) {
    return isOurs ? readTime(this) : readBinaryDateTimeAsString.call(this, scale);
  };
}
