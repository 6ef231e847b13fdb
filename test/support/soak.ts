import { randomInt } from 'node:crypto';

/** The random runs with their files. For a new one, add a line here and call `createSoak` in its file. */
export const SOAKS = {
  bystanders: 'test/hostile/bystanders.test.ts',
  cache: 'test/cache/exact.test.ts',
  chaos: 'test/chaos/chaos.test.ts',
  churn: 'test/cache/churn.test.ts',
  cost: 'test/limits/cost-property.test.ts',
  crowd: 'test/hostile/crowd.test.ts',
  documents: 'test/hostile/documents.test.ts',
  executors: 'test/queries/executors.test.ts',
  fuzz: 'test/limits/fuzz.test.ts',
  hostile: 'test/hostile/storm.test.ts',
  near: 'test/cache/near-model.test.ts',
  owner: 'test/access/owner-random.test.ts',
  partitions: 'test/cache/partitions.test.ts',
  plans: 'test/queries/plans.test.ts',
  prisma: 'test/queries/prisma.test.ts',
  restarts: 'test/restarts/restarts.test.ts',
  verified: 'test/mutations/verified-writes.test.ts',
} as const;

export type SoakName = keyof typeof SOAKS;

/** A random run: short in the suite, and as long as requested by `npm run soak`. */
export interface Soak {
  /** Determines the random data: fixed in the suite, different in each soak unless given. */
  readonly seed: number;
  /** The command that repeats the run; failures show it. */
  readonly again: string;
  /** Whether to continue: until it is enough for the suite, and the requested time is over. */
  readonly goesOn: (isEnough: boolean) => boolean;
  /** Whether this is a soak, on a machine that does nothing else, and not the suite. */
  readonly isSoak: boolean;
  /** Prints a line in a soak; the suite is silent. */
  readonly report: (line: string) => void;
}

// Fixed, so that unlucky values do not fail builds: soaks look for new ones.
const SUITE_SEED = 20_261_127;

/**
 * Takes duration and seed from SOAK_MINUTES and SOAK_SEED, which `npm run soak` sets.
 * @param options.parts how many runs share the time, one after the other, each with a soak of its own
 */
export function createSoak(name: SoakName, { parts = 1 }: { readonly parts?: number } = {}): Soak {
  const { SOAK_MINUTES: minutes, SOAK_SEED: given } = process.env;
  const end = performance.now() + (Number(minutes ?? 0) * 60_000) / parts;
  const seed = Number(given ?? (minutes === undefined ? SUITE_SEED : randomInt(2 ** 31)));
  return {
    seed,
    again: `npm run soak -- ${name} --minutes ${minutes ?? 1} --seed ${seed}`,
    goesOn: (isEnough) => !isEnough || performance.now() < end,
    isSoak: minutes !== undefined,
    report: (line) => void (minutes === undefined || process.stdout.write(`${line}\n`)),
  };
}
