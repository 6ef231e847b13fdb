import type { UserError } from './writing-gateway.ts';

/** Starts a number of writes at once. */
export const times = <Result>(count: number, run: (i: number) => Promise<Result>): Promise<Result[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => run(i)));

/** The code that each was refused with, sorted; undefined, which comes last, for those that succeeded. */
export const codes = (answers: readonly { readonly userErrors: readonly UserError[] }[]): (string | undefined)[] =>
  answers.map(({ userErrors }) => userErrors[0]?.code).sort((a, b) => (a ?? '~').localeCompare(b ?? '~'));
