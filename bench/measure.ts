import { Redis } from 'ioredis';
import type { BenchServers } from './data.ts';
import type { Results } from './results.ts';
import { runRound, type Round } from './round.ts';
import type { Target } from './targets.ts';
import { validRound } from './valid-round.ts';

/** How much load there is, and for how long. */
export interface LoadOptions {
  readonly warmUpRounds: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly tries: number;
  /** Whether invalid rounds end the run. */
  readonly isStrict: boolean;
  /** Whether every other turn goes through the lines backwards, so that neither of two neighbours is always first. */
  readonly isAlternating?: boolean;
  readonly report: (line: string) => void;
}

/** Measures all lines in turn, again and again, so that a temporarily slower machine affects all of them. */
export async function measure(targets: readonly Target[], servers: BenchServers, load: LoadOptions): Promise<Results> {
  const { report } = load;
  const redis = new Redis(servers.redisUrl);
  const results = new Map<Target, Round[]>(targets.map((target) => [target, []]));
  try {
    for (let turn = 1 - load.warmUpRounds; turn <= load.rounds; turn += 1) {
      report(turn < 1 ? 'Warming up' : `Round ${turn} of ${load.rounds}`);
      const lines = [...results];
      for (const [target, rounds] of load.isAlternating === true && turn % 2 === 0 ? lines.toReversed() : lines) {
        const run = (): Promise<Round> => runRound({ ...target, ...load, countStatements: () => servers.statements() });
        if (turn < 1) await run();
        else rounds.push(await validRound(target, run, load));
        // Otherwise the responses of the misses would fill Redis and cause evictions while others are measured.
        if (target.varied) await redis.flushdb();
      }
    }
  } finally {
    redis.disconnect();
  }
  return results;
}
