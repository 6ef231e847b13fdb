import type { UserError, UserErrorCode } from '../generated/graphql.ts';

/** Thrown to refuse a write for reasons that its caller can fix. Rolls the transaction back. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly userErrors: readonly UserError[];
  constructor(userErrors: readonly UserError[]) {
    super('the write was refused');
    this.userErrors = userErrors;
  }
}

/** How many user errors a payload has at most: for an input with thousands of wrong members, only the first are reported. */
export const MAX_USER_ERRORS = 100;

/** Collects the user errors of a write field by field, so that all are reported at once. */
export class Problems {
  readonly #found: UserError[] = [];

  /** @param path below `input`, such as `['phone', 'number']` */
  add(code: UserErrorCode, path: readonly (string | number)[], message: string): void {
    if (this.#found.length < MAX_USER_ERRORS) this.#found.push({ code, message, path: ['input', ...path.map(String)] });
  }

  /** Throws a `Refusal` if there are any. */
  throwIfAny(): void {
    if (this.#found.length > 0) throw new Refusal(this.#found);
  }
}

/** Refuses a value of which there may be only one. */
export const refuseTaken = (thing: string, field: string): never =>
  refuse('ALREADY_EXISTS', [field], `${/^[aeiou]/.test(thing) ? 'An' : 'A'} ${thing} has this ${field} already.`);

/** Refuses a write for one reason. */
export function refuse(code: UserErrorCode, path: readonly string[], message: string): never {
  throw new Refusal([{ code, message, path: ['input', ...path] }]);
}
