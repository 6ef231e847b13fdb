import { describe, expect, test } from '@jest/globals';
import { createPatience, orGiveUp, until } from '../support/patience.ts';

const brief = createPatience(20);

describe('a test that waits', () => {
  test('continues with the observed value as soon as it is as expected', async () => {
    let looks = 0;
    const seen = await until(
      'the third look',
      () => (looks += 1),
      (look) => look === 3,
    );
    expect([seen, looks]).toEqual([3, 3]);
  });

  test('for something that never happens fails with a message that says what, and what was seen last', async () => {
    const state = { status: 'degraded', dependencies: { redis: 'down' } };
    await expect(
      brief.until(
        'the gateway to be ready',
        () => state,
        ({ status }) => status === 'ok',
      ),
    ).rejects.toThrow(
      "waited 0.02 s for the gateway to be ready; seen last: { status: 'degraded', dependencies: { redis: 'down' } }",
    );
  });

  test('also gives up if looking never ends', async () => {
    const looks = [Promise.resolve('closed'), new Promise<string>(() => undefined)];
    await expect(
      brief.until(
        'the door to open',
        () => looks.shift() ?? Promise.resolve('closed'),
        (seen) => seen === 'open',
      ),
    ).rejects.toThrow("waited 0.02 s for the door to open; seen last: 'closed'");
  });

  test('fails at once if looking fails', async () => {
    await expect(until('nothing', () => Promise.reject(new Error('no such thing')))).rejects.toThrow('no such thing');
  });

  test('for a promise gets its result or its error, or says what did not happen', async () => {
    expect(await orGiveUp('a result', Promise.resolve(7))).toBe(7);
    await expect(orGiveUp('a result', Promise.reject(new Error('refused')))).rejects.toThrow('refused');
    const never = new Promise<void>(() => undefined);
    await expect(brief.orGiveUp('an event', never, () => ['one', 'two'])).rejects.toThrow(
      "waited 0.02 s for an event; seen last: [ 'one', 'two' ]",
    );
  });
});
