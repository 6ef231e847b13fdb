import { afterEach, expect, test } from '@jest/globals';
import { pause, until } from '../support/patience.ts';
import { createSoak } from '../support/soak.ts';
import { ATTACKS } from './attacks.ts';
import { MOST_MEGABYTES, startStorm, type Storm } from './storm.ts';

const NAMES = Object.keys(ATTACKS);
const VARIANTS = [
  { callers: 'callers from their own addresses', settings: {}, hasTokens: false },
  {
    callers: 'callers whose cost per minute is not limited',
    settings: { LIMIT_COST_PER_MINUTE: '0' },
    hasTokens: false,
  },
  { callers: 'callers with tokens, all from one address', settings: {}, hasTokens: true },
];

let storm: Storm | undefined;
afterEach(async () => {
  await storm?.close();
  storm = undefined;
});

test.each(VARIANTS)(
  'attacks of all kinds at once by $callers fail nobody else, and do not fill the memory',
  async (variant) => {
    const { seed, again, goesOn, report, isSoak } = createSoak('hostile', { parts: VARIANTS.length });
    storm = await startStorm(variant);
    const { good } = storm;
    good.start();
    // What they take without attacks; the first ones also warm everything up.
    for (const enough of isSoak ? [1_000, 20_000] : [200, 200]) {
      good.forget();
      await until(
        'requests without attacks',
        () => good.answered(),
        (answered) => answered >= enough,
      );
    }
    const calm = good.figures();
    good.forget();

    const attackers = storm.attack(NAMES, seed);
    const samples: number[] = [];
    const [ranBefore = 0, waitedBefore = 0] = storm.scheduled();
    while (goesOn(attackers.ended().size === NAMES.length && good.answered() >= 500)) {
      await pause(200);
      samples.push(await storm.memory());
    }
    const stormy = good.figures();
    const [ran = 0, waited = 0] = storm.scheduled();
    const [running, waiting] = [ran - ranBefore, waited - waitedBefore];

    const counts = attackers.ended();
    report(
      `${variant.callers}; attacks: ${[...counts.values()].reduce((sum, count) => sum + count)}, ${JSON.stringify(Object.fromEntries(counts))}`,
    );
    report(`well-behaved clients, without attacks: ${JSON.stringify(calm)}`);
    report(`well-behaved clients, with attacks: ${JSON.stringify(stormy)}`);
    // Until then, caches fill.
    const later = samples.slice(samples.length / 2);
    const [third, last] = [median(later.slice(0, later.length / 2)), median(later.slice(later.length / 2))];
    report(
      `while the gateway's main thread had work, it waited for a processor for ${Math.round((100 * waiting) / (running + waiting))} % of the time`,
    );
    report(
      `memory in MB: third quarter ${third}, last quarter ${last} (medians), most ${Math.round(storm.mostMemory())}; each 30 s: ${samples
        .filter((_, i) => i % 150 === 0)
        .map(Math.round)
        .join(', ')}`,
    );
    expect({ again, failures: [...calm.failures, ...stormy.failures] }).toEqual({ again, failures: [] });
    expect(storm.mostMemory()).toBeLessThan(MOST_MEGABYTES);
    // In the suite, the machine may be busy with anything, and the process is still growing.
    if (isSoak) {
      expect(stormy.p99Ms).toBeLessThanOrEqual(3 * calm.p99Ms);
      expect(last).toBeLessThan(1.1 * third);
    }
  },
);

const median = (values: readonly number[]): number =>
  Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0);
