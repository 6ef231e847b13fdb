import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Pace } from '../../src/pace.ts';
import { Served } from '../../src/served.ts';
import { NEVER } from '../../src/time-limit.ts';
import { Turns } from '../../src/turns.ts';

/** As the fake clock says it. */
let now = 0;
let isBusy = true;
let turns: Turns;
let pace: Pace;
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
  [now, isBusy] = [0, true];
  turns = new Turns();
  pace = new Pace(turns, () => (isBusy ? 1 : 0.5));
});
afterEach(() => void jest.useRealTimers());

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** In each 10 ms of this time, serves clients for so many of them. Each asks then, and `held` notes who may not. */
function serve(ms: number, shares: Readonly<Record<string, number>>): Set<string> {
  const held = new Set<string>();
  for (let passed = 0; passed < ms; passed += 10) {
    now += 10;
    jest.advanceTimersByTime(10);
    for (const [client, share] of Object.entries(shares)) turns.served.add(client, share, now);
    for (const client of Object.keys(shares)) if (pace.isHeld(client)) held.add(client);
  }
  return held;
}

describe('a client that takes more than others', () => {
  test('is not held back while the event loop has time', () => {
    isBusy = false;
    expect(serve(10_000, { much: 9, little: 0.1 })).toEqual(new Set());
  });

  test('is held back while it is busy, and others are not', () => {
    expect(serve(2_000, { much: 9, little: 0.1 })).toEqual(new Set(['much']));
  });

  test('is not held back when it is alone, nor when others have not come for a while', async () => {
    expect(serve(2_000, { much: 9 })).toEqual(new Set());
    expect(serve(2_000, { much: 9, little: 0.1 })).toEqual(new Set(['much']));
    const waiting = pace.next('much', NEVER);
    jest.advanceTimersByTime(250);
    await waiting;
    expect(serve(2_000, { much: 9 })).toEqual(new Set());
  });

  test('has all of the time again, a while after the event loop has some', () => {
    serve(10_000, { much: 9, little: 0.1 });
    isBusy = false;
    // From 1 % on, by 5 % in each tenth of a second.
    expect(serve(3_000, { much: 9, little: 0.1 })).toEqual(new Set(['much']));
    serve(8_000, { much: 9, little: 0.1 });
    expect(serve(1_000, { much: 9, little: 0.1 })).toEqual(new Set());
  });
});

test.each([
  [3, ['many0', 'many1', 'many2']],
  [5, []],
])(
  '%d clients that take more than another one are held back, unless they are more than four fifths of all',
  (many, held) => {
    const shares = Object.fromEntries(Array.from({ length: many }, (_, i) => [`many${i}`, 9 / many]));
    expect([...serve(5_000, { ...shares, few: 0.01 })].sort()).toEqual(held);
  },
);

describe('a client is never held back', () => {
  test('that has as much as all others', () => {
    expect(serve(10_000, { a: 3, b: 3, c: 3 })).toEqual(new Set());
  });

  test('that has less than a hundredth of the time', () => {
    expect(
      serve(10_000, { ...Object.fromEntries('abcdefghi'.split('').map((name) => [name, 0.01])), one: 0.08 }),
    ).toEqual(new Set());
  });

  test('for what others have that are told apart in another way', () => {
    const shares = { 'subject a': 4, 'subject b': 4, '127.0.0.1': 0.1, '127.0.0.2': 0.1 };
    expect(serve(10_000, shares)).toEqual(new Set());
  });
});

describe('what is held back', () => {
  test('goes on in its order, a piece at a time, once its client has had no more than others for a while', async () => {
    serve(2_000, { much: 9, little: 0.1 });
    const done: number[] = [];
    const waiting = [0, 1, 2].map(async (i) => {
      await pace.next('much', NEVER);
      done.push(i);
      turns.served.add('much', 2_000, now);
    });
    expect(pace.waiting()).toBe(3);
    serve(1_000, { little: 0.1 });
    await settled();
    expect(done).toEqual([]);
    for (let i = 1; i <= 3; i += 1) {
      while (done.length < i) {
        now += 5;
        turns.served.add('little', 0.05, now);
        pace.isHeld('little');
        jest.advanceTimersByTime(5);
        // oxlint-disable-next-line eslint/no-await-in-loop -- one turn after the other
        await settled();
      }
      expect(done).toEqual([0, 1, 2].slice(0, i));
    }
    await Promise.all(waiting);
    expect(pace.waiting()).toBe(0);
  });

  test('comes before what its client asks for later', async () => {
    serve(2_000, { much: 9, little: 0.1 });
    const controller = new AbortController();
    const waiting = pace.next('much', controller.signal);
    // Forgets what it had.
    turns.served.add('little', 1, now + 60_000);
    expect([turns.served.of('much'), pace.isHeld('much')]).toEqual([0, true]);
    controller.abort();
    await waiting;
    expect(pace.isHeld('much')).toBe(false);
  });

  test.each([
    ['nobody else comes', () => jest.advanceTimersByTime(250)],
    [
      'the event loop has all the time',
      () => {
        isBusy = false;
        serve(12_000, { little: 0.1 });
      },
    ],
  ])('goes on when %s', async (_, pass) => {
    serve(2_000, { much: 9, little: 0.1 });
    const waiting = Array.from({ length: 12 }, () => pace.next('much', NEVER));
    pass();
    await Promise.all(waiting);
    expect(pace.waiting()).toBe(0);
  });

  test('goes on twice as fast in each round, as long as that is not too much', async () => {
    serve(2_000, { much: 9, little: 0.1 });
    const waiting = Array.from({ length: 12 }, () => pace.next('much', NEVER));
    // Nobody else comes, which shows after a while.
    const left: number[] = [];
    while (pace.waiting() > 0) {
      jest.advanceTimersByTime(5);
      if (pace.waiting() < 12) left.push(pace.waiting());
    }
    await Promise.all(waiting);
    expect(left).toEqual([11, 9, 5, 0]);
  });

  test('is looked at once in 5 ms, however often something is given up', async () => {
    serve(2_000, { much: 9, little: 0.1 });
    for (let i = 0; i < 100; i += 1) {
      const controller = new AbortController();
      const waiting = pace.next('much', controller.signal);
      controller.abort();
      // oxlint-disable-next-line eslint/no-await-in-loop -- one after the other
      await waiting;
    }
    expect([pace.waiting(), jest.getTimerCount()]).toEqual([0, 1]);
    jest.advanceTimersByTime(5);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('does not wait any more when it is given up, and nothing waits that was given up before', async () => {
    serve(2_000, { much: 9, little: 0.1 });
    const controller = new AbortController();
    const given = pace.next('much', controller.signal);
    const next = pace.next('much', NEVER);
    await pace.next('much', AbortSignal.abort());
    controller.abort();
    await given;
    expect(pace.waiting()).toBe(1);
    jest.advanceTimersByTime(250);
    await next;
    expect(pace.waiting()).toBe(0);
  });
});

describe('what clients were served', () => {
  test('counts half as much after a second', () => {
    const served = new Served();
    served.add('a', 100, 0);
    const first = served.shareOf('a', 0);
    for (const second of [1, 2, 3]) {
      expect(served.shareOf('a', second * 1_000)).toBeCloseTo(first / 2 ** second, 10);
      served.add('b', 100, second * 1_000);
      expect(served.of('b')).toBeGreaterThan(served.of('a'));
    }
    expect(served.averageShare('a', 3_000)).toBeCloseTo((first / 8 + first * (1 + 1 / 2 + 1 / 4)) / 2, 10);
  });

  test('is all of the time for whoever was served all the time', () => {
    const served = new Served();
    for (let ms = 0; ms <= 20_000; ms += 1) served.add('a', 1, ms);
    expect(served.shareOf('a', 20_000)).toBeCloseTo(1, 2);
  });

  test('is forgotten when it no longer matters, so that no number of clients fills the memory', () => {
    const served = new Served();
    for (let i = 0; i < 1_000; i += 1) served.add(`client ${i}`, 1, 0);
    served.add('subject a', 1, 5_000);
    expect([served.of('client 1'), served.averageShare('client 1', 5_000)]).toEqual([0, 0]);
  });
});
