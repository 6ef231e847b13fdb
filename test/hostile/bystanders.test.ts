import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pause, until } from '../support/patience.ts';
import { createSoak } from '../support/soak.ts';
import { ATTACKS } from './attacks.ts';
import { MOST_MEGABYTES, startStorm, type Storm } from './storm.ts';

const NAMES = Object.keys(ATTACKS);

let storm: Storm;
beforeAll(async () => {
  // So that the attacks go on however long it takes.
  storm = await startStorm({ settings: { LIMIT_COST_PER_MINUTE: '0' }, hasTokens: false });
  storm.good.start();
});
afterAll(async () => {
  await storm.close();
});

test.each(NAMES)('%s, by fifty attackers, hold nobody else up', async (name) => {
  const { good } = storm;
  const { seed, again, goesOn, report, isSoak } = createSoak('bystanders', { parts: NAMES.length });
  const enough = isSoak ? 1_000 : 40;
  good.forget();
  await until(
    'requests without attacks',
    () => good.answered(),
    (answered) => answered >= enough,
  );
  const calm = good.figures();
  const attackers = storm.attack([name], seed);
  good.forget();
  while (goesOn((attackers.ended().get(name) ?? 0) >= 5 && good.answered() >= enough)) {
    await pause(50);
    await storm.memory();
  }
  const attacked = good.figures();
  report(`${name}: ${attackers.ended().get(name)} times`);
  report(`p99 and most in ms without: ${calm.p99Ms}, ${calm.mostMs}; with: ${attacked.p99Ms}, ${attacked.mostMs}`);
  attackers.stop();
  expect({ again, failures: attacked.failures }).toEqual({ again, failures: [] });
  expect(storm.mostMemory()).toBeLessThan(MOST_MEGABYTES);
});
