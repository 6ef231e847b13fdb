import { afterEach, expect, test } from '@jest/globals';
import { pause, until } from '../support/patience.ts';
import { createSoak } from '../support/soak.ts';
import { ATTACKS } from './attacks.ts';
import { MOST_MEGABYTES, startStorm, type Storm } from './storm.ts';

const NAMES = Object.keys(ATTACKS);
const SAMPLE_MS = 1_000;
/** In a soak, each of them takes the given time. */
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
    const { seed, again, goesOn, report, isSoak } = createSoak('hostile');
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
    const samples: { readonly memory: number; readonly kept: number }[] = [];
    const [ranBefore = 0, waitedBefore = 0] = storm.scheduled();
    while (goesOn(attackers.ended().size === NAMES.length && good.answered() >= 500)) {
      await pause(SAMPLE_MS);
      samples.push({ memory: await storm.memory(), kept: await storm.kept() });
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
    // What is kept may grow for longer than the run takes, up to its limits. Everything else has its size in the first half.
    const later = samples.slice(samples.length / 2).map(({ memory, kept }) => memory - kept);
    const [third, last] = [median(later.slice(0, later.length / 2)), median(later.slice(later.length / 2))];
    report(
      `while the gateway's main thread had work, it waited for a processor for ${Math.round((100 * waiting) / (running + waiting))} % of the time`,
    );
    report(
      `memory in MB without what is kept: third quarter ${third}, last quarter ${last} (medians); most, with it, ${Math.round(storm.mostMemory())}`,
    );
    report(
      `each 30 s: ${samples
        .filter((_, i) => i % (30_000 / SAMPLE_MS) === 0)
        .map(({ memory, kept }) => `${Math.round(memory)} (${Math.round(kept)} kept)`)
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
