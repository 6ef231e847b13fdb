import { expect, test } from '@jest/globals';
import { createFlights } from '../../src/cache/flights.ts';
import { orGiveUp } from '../support/patience.ts';

const BYTES = 8_192;
const AT_ONCE = 32;
const FLIGHTS = 6_000;
/** Of what is under way, and of what has ended since V8 last looked at its young objects. */
const MOST_BYTES = 8_000_000;

/** Larger than what Node.js allocates several of at once. As much is forgotten meanwhile as by an execution. */
const response = async (): Promise<Buffer> => {
  const rows = Array.from({ length: 2_000 }, (_, id) => ({ id, name: `Customer ${id}` }));
  await new Promise((resolve) => setImmediate(resolve));
  return Buffer.alloc(BYTES, rows.length);
};

test('keep nothing of what has ended: it is collected with the young objects', async () => {
  const flights = createFlights<Buffer>();
  let [begun, most] = [0, 0];
  const client = async (): Promise<void> => {
    while (begun < FLIGHTS) {
      begun += 1;
      const { outcome, leave } = flights.board(`flight ${begun}`, 'ada', response);
      await outcome;
      leave();
      if (begun % 100 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
  };
  const before = process.memoryUsage().arrayBuffers;
  await orGiveUp('all flights', Promise.all(Array.from({ length: AT_ONCE }, client)));
  expect(begun).toBeGreaterThanOrEqual(FLIGHTS);
  expect(most - before).toBeLessThan(MOST_BYTES);
});
