import { randomInt } from 'node:crypto';

/** The random runs, each with the file that has it. A new one is one more line, and `createSoak` in its file. */
export const SOAKS = {
  cache: 'test/cache/exact.test.ts',
  chaos: 'test/chaos/chaos.test.ts',
  cost: 'test/limits/cost-property.test.ts',
  executors: 'test/queries/executors.test.ts',
  fuzz: 'test/limits/fuzz.test.ts',
  plans: 'test/queries/plans.test.ts',
  prisma: 'test/queries/prisma.test.ts',
} as const;

export type SoakName = keyof typeof SOAKS;

/** A random run: short in the suite, as long as asked for by `npm run soak`. */
export interface Soak {
  /** What is made up follows from it: the same in the suite each time, in a soak another, unless one was given. */
  readonly seed: number;
  /** The command that does the same again. What fails shows it. */
  readonly again: string;
  /** Whether a run that has done so much goes on: until it is enough for the suite, and the time asked for is over. */
  readonly goesOn: (isEnough: boolean) => boolean;
  /** Prints a line in a run of its own; the suite is silent. */
  readonly report: (line: string) => void;
}

// What has landed must not fail by an unlucky draw: finding new ones is what soaks are for.
const SUITE_SEED = 20_261_127;

/** Takes duration and seed from SOAK_MINUTES and SOAK_SEED, which `npm run soak` sets. */
export function createSoak(name: SoakName): Soak {
  const { SOAK_MINUTES: minutes, SOAK_SEED: given } = process.env;
  const end = performance.now() + Number(minutes ?? 0) * 60_000;
  const seed = Number(given ?? (minutes === undefined ? SUITE_SEED : randomInt(2 ** 31)));
  return {
    seed,
    again: `npm run soak -- ${name} --minutes ${minutes ?? 1} --seed ${seed}`,
    goesOn: (isEnough) => !isEnough || performance.now() < end,
    report: (line) => void (minutes === undefined || process.stdout.write(`${line}\n`)),
  };
}
