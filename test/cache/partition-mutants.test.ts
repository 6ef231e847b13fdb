import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { MUTANTS, mutate, type MutantName } from './mutants.ts';
import type { FaultName } from './partition-faults.ts';
import { runPartitions, startPartitioned } from './partition-run.ts';

/** Each is found within a few, by any seed. */
const MOST_ROUNDS = 60;

/** Those that it is about, so that it is found soon. */
const FAULTS: Readonly<Record<MutantName, readonly FaultName[]>> = {
  'late in Redis': ['reads held back', 'reads held back, and one gateway stopped when they go on'],
  'late in memory': ['responses held back before they are compressed'],
  'reader without lease': ['one gateway cut off from Redis', 'one gateway gets no answer from Redis'],
  'writer without waiting': ['one gateway stopped'],
};

describe('the model of partitions finds that a part of the cache is switched off:', () => {
  test.each(Object.keys(MUTANTS) as MutantName[])('%s', async (name) => {
    const mutant = MUTANTS[name];
    // Says at once if there is nothing to switch off any more, and not when no gateway has started for minutes.
    mutate(readFileSync(new URL(`../../src/cache/${mutant.file}`, import.meta.url), 'utf8'), mutant);
    const partitioned = await startPartitioned(name);
    try {
      const { illegal, rounds } = await runPartitions(partitioned, {
        seed: 1,
        isLong: false,
        only: FAULTS[name],
        // Stops at the first.
        goesOn: (so) => so.illegal.length === 0 && so.rounds < MOST_ROUNDS,
      });
      expect({ rounds, illegal }).toEqual({ rounds, illegal: expect.arrayContaining([expect.any(String)]) });
    } finally {
      await partitioned.close();
    }
  });
});
