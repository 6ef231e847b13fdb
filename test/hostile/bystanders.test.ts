import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../support/patience.ts';
import { createSoak } from '../support/soak.ts';
import { ATTACKS, CREDENTIAL_ATTACKS } from './attacks.ts';
import type { Figures } from './good-clients.ts';
import { MOST_MEGABYTES, startStorm, type Storm } from './storm.ts';

const CREDENTIALS = Object.keys(CREDENTIAL_ATTACKS);
const KINDS = [
  {
    attackers: 'attackers from a few addresses',
    hasTokens: false,
    names: Object.keys(ATTACKS).filter((name) => !CREDENTIALS.includes(name)),
  },
  { attackers: 'attackers from the address of everybody', hasTokens: true, names: CREDENTIALS },
];
/** The worst of so many requests beside an attack takes at most so many times as long as the worst without, most of the time. */
const REQUESTS = 200;
const WORST_TIMES = 5;
/** And never so many times: not even beside a busy machine that holds everybody up for a while. */
const NEVER_TIMES = 200;

let storm: Storm;
/** What well-behaved clients see during their next requests. */
async function figuresOf(requests: number): Promise<Figures> {
  const { good } = storm;
  good.forget();
  await until(
    `${requests} requests`,
    () => good.answered(),
    (answered) => answered >= requests,
  );
  return good.figures();
}

describe.each(KINDS)('$attackers', ({ hasTokens, names }) => {
  /** What requests take without attacks. */
  let usual: Figures;
  beforeAll(async () => {
    // So that the attacks go on however long it takes.
    storm = await startStorm({ settings: { LIMIT_COST_PER_MINUTE: '0' }, hasTokens });
    storm.good.start();
    // The first ones wait for everything to be warm.
    await figuresOf(5 * REQUESTS);
    usual = await figuresOf(5 * REQUESTS);
  });
  afterAll(async () => {
    await storm.close();
  });

  test.each(names)('%s, by fifty at once, hold nobody else up', async (name) => {
    const { seed, again, goesOn, report } = createSoak('bystanders', { parts: names.length });
    // What the last attack has left may still be under way.
    await figuresOf(REQUESTS);
    // The machine may be busier by now.
    const { mostMs } = await figuresOf(REQUESTS);
    const usualMs = Math.max(mostMs, usual.mostMs);
    const attackers = storm.attack([name], seed);
    const failures: string[] = [];
    const heldUp: boolean[] = [];
    let worstMs = 0;
    const figures = async () => {
      const seen = await figuresOf(REQUESTS);
      failures.push(...seen.failures);
      worstMs = Math.max(worstMs, seen.mostMs);
      heldUp.push(seen.mostMs > WORST_TIMES * usualMs);
      report(`${name}: p50 ${seen.p50Ms} ms, most ${seen.mostMs} ms; usually ${usual.p50Ms} ms, ${usualMs} ms`);
      return heldUp.filter(Boolean).length / heldUp.length;
    };
    while (goesOn((attackers.ended().get(name) ?? 0) >= 5)) {
      await figures();
      await storm.memory();
    }
    // Again, since a busy machine may hold them up for a while.
    await until('nobody to be held up most of the time', figures, (share) => share < 0.5);
    attackers.stop();
    expect({ again, failures }).toEqual({ again, failures: [] });
    expect(worstMs).toBeLessThan(NEVER_TIMES * usualMs);
    expect(storm.mostMemory()).toBeLessThan(MOST_MEGABYTES);
  });
});
