import type { UserError, UserErrorCode } from '../generated/graphql.ts';

/** A write that cannot be done as asked, for reasons that its caller can mend. Undoes the transaction. */
class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly userErrors: readonly UserError[];
  constructor(userErrors: readonly UserError[]) {
    super('the write was refused');
    this.userErrors = userErrors;
  }
}

/** What stands in the way of a write, gathered field by field so that all of it is told at once. */
export class Problems {
  readonly #found: UserError[] = [];

  /** @param path below `input`, such as `['phone', 'number']` */
  add(code: UserErrorCode, path: readonly (string | number)[], message: string): void {
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

/** The payload of a command: what it gave, or `nothing` with the user errors of its refusal. */
export async function payload<Given extends object>(
  nothing: { [Name in keyof Given]: null },
  command: () => Promise<Given>,
): Promise<{ [Name in keyof Given]: Given[Name] | null } & { userErrors: UserError[] }> {
  try {
    return { ...(await command()), userErrors: [] };
  } catch (error) {
    if (error instanceof Refusal) return { ...nothing, userErrors: [...error.userErrors] };
    throw error;
  }
}
