import type { RawRow } from '../db/database.ts';
import type { MemoryWatch } from '../telemetry/memory.ts';
import { createError, type CodedError } from '../errors.ts';

/** The most that an answer may consist of. */
export interface AnswerLimits {
  readonly responseObjects: number;
  /** Also for the rows that are read for it. */
  readonly responseBytes: number;
}

/** What a result takes besides its texts, and a row: measured, as part of a large answer (2026-11-27). */
const ERROR_BYTES = 1_000;
const ROW_BYTES = 100;
/** Of a large answer: about two megabytes. */
const MANY_OBJECTS = 5_000;
const VALUE_BYTES = 8;

/**
 * Counts an answer while it is built, with the rows that are read for it: its cost was an estimate, and the limit of costs may be
 * any. A character counts as one byte.
 */
export class AnswerSize {
  readonly #limits: AnswerLimits;
  readonly #memory: Pick<MemoryWatch, 'isShort'> | undefined;
  #objects = 0;
  #rowBytes = 0;
  /** Of the answer. Whoever adds to it without `add` checks nothing. */
  bytes = 0;
  /** What was executed for it, by the weights of types and of fields, without arguments. */
  readonly cost = { type: 0, field: 0 };
  /** Why the answer must not be completed; undefined while it may be. */
  refusal: CodedError | undefined;
  /** Called when it is refused. */
  onRefusal: ((refusal: CodedError) => void) | undefined;

  /** @param memory what `addTurn` looks at */
  constructor(limits: AnswerLimits, memory?: Pick<MemoryWatch, 'isShort'>) {
    this.#limits = limits;
    this.#memory = memory;
  }

  /** @throws QUERY_TOO_COMPLEX if the answer is too large with one more object */
  addObject(): void {
    if (this.refusal !== undefined) throw this.refusal;
    this.#objects += 1;
    if (this.#objects > this.#limits.responseObjects)
      this.#refuse(`Expected an answer of at most ${this.#limits.responseObjects} objects, got more`);
    if (this.bytes > this.#limits.responseBytes) this.#refuseBytes();
  }

  /** @throws QUERY_TOO_COMPLEX if the answer is too large with these */
  addBytes(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.#limits.responseBytes) this.#refuseBytes();
  }

  /** @throws SERVICE_UNAVAILABLE if memory is short, and this answer is one of those that take much of it */
  addTurn(): void {
    if (this.#objects < MANY_OBJECTS || this.#memory?.isShort() !== true) return;
    throw this.#refuseOnce(
      createError('SERVICE_UNAVAILABLE', 'The gateway is short of memory; ask for smaller pages, or again later.'),
    );
  }

  /** Adds an error, whose place is where the refusal would be thrown. */
  addError(): void {
    this.bytes += ERROR_BYTES;
    if (this.bytes > this.#limits.responseBytes) this.#refuseOnce(this.#tooManyBytes());
  }

  /** @throws QUERY_TOO_COMPLEX if these are too many */
  addRows(rows: readonly RawRow[]): void {
    let bytes = rows.length * ROW_BYTES;
    for (const row of rows) for (const value of row) bytes += typeof value === 'string' ? value.length : VALUE_BYTES;
    this.#rowBytes += bytes;
    if (this.#rowBytes > this.#limits.responseBytes) this.#refuseBytes();
  }

  #refuseBytes(): never {
    throw this.#refuseOnce(this.#tooManyBytes());
  }

  #refuse(message: string): never {
    throw this.#refuseOnce(tooLarge(message));
  }

  #refuseOnce(refusal: CodedError): CodedError {
    if (this.refusal !== undefined) return this.refusal;
    this.refusal = refusal;
    this.onRefusal?.(refusal);
    return refusal;
  }

  #tooManyBytes(): CodedError {
    return tooManyBytes(this.#limits.responseBytes);
  }
}

const tooLarge = (message: string): CodedError =>
  createError('QUERY_TOO_COMPLEX', `${message}: ask for smaller pages.`);

/** The refusal of an answer, or of what is read for it. */
export const tooManyBytes = (limit: number): CodedError =>
  tooLarge(`Expected an answer of at most ${limit} bytes, got more`);
