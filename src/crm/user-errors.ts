import type { UserError, UserErrorCode } from '../generated/graphql.ts';

/** A write that cannot be done as asked, for reasons that its caller can mend. Undoes the transaction. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly userErrors: readonly UserError[];
  constructor(userErrors: readonly UserError[]) {
    super('the write was refused');
    this.userErrors = userErrors;
  }
}

/** The most user errors that a payload has: an input of thousands of wrong members is told of the first of them. */
export const MOST_USER_ERRORS = 100;

/** What stands in the way of a write, gathered field by field so that all of it is told at once. */
export class Problems {
  readonly #found: UserError[] = [];

  /** @param path below `input`, such as `['phone', 'number']` */
  add(code: UserErrorCode, path: readonly (string | number)[], message: string): void {
    if (this.#found.length < MOST_USER_ERRORS)
      this.#found.push({ code, message, path: ['input', ...path.map(String)] });
  }

  /** Throws a `Refusal` if there is any. */
  refuse(): void {
    if (this.#found.length > 0) throw new Refusal(this.#found);
  }
}

/** Refuses a write for one reason. */
export function refuse(code: UserErrorCode, path: readonly string[], message: string): never {
  throw new Refusal([{ code, message, path: ['input', ...path] }]);
}
