import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createSoak } from '../support/soak.ts';
import { runPartitions, startPartitioned, type Counts, type Partitioned } from './partition-run.ts';

const { seed, again, goesOn, isSoak, report } = createSoak('partitions');

/** What this is about. A run goes on until each has happened: of these, the soak all, and the suite those that any run has. */
const SURE = [
  'hits in Redis',
  'hits in memory',
  'misses because of a write',
  'waits until a write was acknowledged',
  'waits because the registry was lost',
] as const;
const ALL = [...SURE, 'stale hits', 'waits until a lease had ended', 'suspensions', 'lapses'] as const;
const WANTED: readonly (keyof Counts)[] = isSoak ? ALL : SURE;

let partitioned: Partitioned;
beforeAll(async () => {
  partitioned = await startPartitioned();
});
afterAll(() => partitioned.close());

test('no answer of three gateways is from before a write that was answered, whatever breaks', async () => {
  const lacking = (counts: Counts) => WANTED.filter((kind) => counts[kind] === 0);
  const { counts, illegal, faults, missing, mutations } = await runPartitions(partitioned, {
    seed,
    isLong: isSoak,
    goesOn: (so) => goesOn(so.missing.length === 0 && lacking(so.counts).length === 0),
  });
  for (const [kind, count] of Object.entries(counts)) report(`${count} ${kind}`);
  for (const [name, times] of mutations) report(`${times} ${name}`);
  for (const [name, times] of faults) report(`${times} times: ${name}`);
  expect({ again, illegal: illegal.slice(0, 20) }).toEqual({ again, illegal: [] });
  expect({ again, missing, lacking: lacking(counts) }).toEqual({ again, missing: [], lacking: [] });
});
