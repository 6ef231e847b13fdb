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
/** Of a large answer, or its rows: about two megabytes. */
const MANY_OBJECTS = 5_000;
const MANY_BYTES = 2 * 1024 * 1024;

/**
 * Counts an answer while it is built, with the rows that are read for it: its cost was an estimate, and the limit of costs may be
 * any. A character of the answer counts as one byte; rows count as the server sends them, in UTF-8, which is never less than what V8
 * takes for their texts: a byte for each character, or two if any is outside of Latin-1.
 */
export class AnswerSize {
  readonly #limits: AnswerLimits;
  readonly #memory: Pick<MemoryWatch, 'isShort'> | undefined;
  #objects = 0;
  #rowBytes = 0;
  /** How many bytes of rows there are when memory is looked at next. */
  #lookAtBytes = MANY_BYTES;
  /** Of the answer. Whoever adds to it without `add` checks nothing. */
  bytes = 0;
  /** What was executed for it, by the weights of types and of fields, without arguments. */
  readonly cost = { type: 0, field: 0 };
  /** Why the answer must not be completed; undefined while it may be. */
  refusal: CodedError | undefined;
  /** Called when it is refused. */
  onRefusal: ((refusal: CodedError) => void) | undefined;

  /** @param memory what is looked at when the answer has become large */
  constructor(limits: AnswerLimits, memory?: Pick<MemoryWatch, 'isShort'>) {
    this.#limits = limits;
    this.#memory = memory;
  }

  /** @throws QUERY_TOO_COMPLEX if the answer is too large with one more object */
  addObject(): void {
    this.check();
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
    if (this.#objects < MANY_OBJECTS && this.bytes + this.#rowBytes < MANY_BYTES) return;
    if (this.#memory?.isShort() === true) throw this.#refuseOnce(shortOfMemory());
  }

  /** Adds an error, whose place is where the refusal would be thrown. */
  addError(): void {
    this.bytes += ERROR_BYTES;
    if (this.bytes > this.#limits.responseBytes) this.#refuseOnce(this.#tooManyBytes());
  }

  /**
   * Counts a row that the server has sent, of this many bytes. Never throws: `check` does, when the statement has ended.
   * @returns whether it may be kept: false once the rows are too large, or memory is short and they are many
   */
  takesRow(bytes: number): boolean {
    this.#rowBytes += ROW_BYTES + bytes;
    if (this.#rowBytes > this.#limits.responseBytes) this.#refuseOnce(this.#tooManyBytes());
    else if (this.#rowBytes >= this.#lookAtBytes) {
      this.#lookAtBytes = this.#rowBytes + MANY_BYTES;
      if (this.#memory?.isShort() === true) this.#refuseOnce(shortOfMemory());
    }
    return this.refusal === undefined;
  }

  /** @throws the refusal, if there is one */
  check(): void {
    if (this.refusal !== undefined) throw this.refusal;
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

const shortOfMemory = (): CodedError =>
  createError('SERVICE_UNAVAILABLE', 'The gateway is short of memory; ask for smaller pages, or again later.');

const tooLarge = (message: string): CodedError =>
  createError('QUERY_TOO_COMPLEX', `${message}: ask for smaller pages.`);

/** The refusal of an answer, or of what is read for it. */
export const tooManyBytes = (limit: number): CodedError =>
  tooLarge(`Expected an answer of at most ${limit} bytes, got more`);
