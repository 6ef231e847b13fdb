import type { Turns } from '../turns.ts';
import { tooManyBytes } from './answer-size.ts';

/** An object or array whose members are being encoded. */
interface Frame {
  readonly value: object;
  /** Undefined for an array. */
  readonly keys: readonly string[] | undefined;
  readonly length: number;
  next: number;
}

/** Short texts are joined before they are encoded as bytes. */
const PART_CHARACTERS = 64 * 1024;

/**
 * Encodes a large value as JSON in UTF-8, the same as JSON.stringify, which cannot be interrupted. Takes two to three times as long
 * as that.
 */
export class Encoder {
  readonly #maxBytes: number;
  readonly #parts: Buffer[] = [];
  readonly #open: Frame[] = [];
  #text = '';
  #bytes = 0;

  /** @param value must consist of what JSON can represent, and of objects with `toJSON` */
  constructor(value: object, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#begin(value);
  }

  /**
   * Goes on until the turn is over.
   * @returns the bytes once they are complete
   * @throws QUERY_TOO_COMPLEX when there are more than `maxBytes`
   */
  encode(turns: Turns): Buffer | undefined {
    for (let frame = this.#open.at(-1); frame !== undefined; frame = this.#open.at(-1)) {
      if (frame.next === frame.length) {
        this.#text += frame.keys === undefined ? ']' : '}';
        this.#open.pop();
      } else this.#member(frame, frame.next++);
      if (this.#text.length > PART_CHARACTERS) this.#flush();
      if (turns.isOver()) return undefined;
    }
    this.#flush();
    return Buffer.concat(this.#parts, this.#bytes);
  }

  #member({ value, keys }: Frame, i: number): void {
    if (i > 0) this.#text += ',';
    const key = keys?.[i] ?? i;
    if (keys !== undefined) this.#text += `${JSON.stringify(key)}:`;
    const member = (value as Readonly<Record<string | number, unknown>>)[key];
    if (typeof member === 'object' && member !== null) this.#begin(member);
    else this.#text += JSON.stringify(member) ?? 'null';
  }

  #begin(given: object): void {
    const value = 'toJSON' in given && typeof given.toJSON === 'function' ? (given.toJSON() as object) : given;
    const keys = Array.isArray(value) ? undefined : Object.keys(value).filter((key) => isShown(value, key));
    const length = keys === undefined ? (value as readonly unknown[]).length : keys.length;
    this.#text += keys === undefined ? '[' : '{';
    this.#open.push({ value, keys, length, next: 0 });
  }

  #flush(): void {
    const part = Buffer.from(this.#text);
    this.#text = '';
    this.#bytes += part.length;
    if (this.#bytes > this.#maxBytes) throw tooManyBytes(this.#maxBytes);
    this.#parts.push(part);
  }
}

const isShown = (value: object, key: string): boolean =>
  (value as Readonly<Record<string, unknown>>)[key] !== undefined;
