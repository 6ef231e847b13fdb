import { expect, test } from '@jest/globals';
import { createSemaphore } from '../../src/db/semaphore.ts';
import { NEVER } from '../../src/time-limit.ts';

const LONG_MS = 600_000;

function semaphoreOf(permits: number, queue = 10) {
  let refusals = 0;
  const semaphore = createSemaphore({ permits, queue, full: 'All are taken.', refused: () => (refusals += 1) });
  return { semaphore, refusals: () => refusals };
}

test('permits go to those who wait in the order in which they came', async () => {
  const { semaphore } = semaphoreOf(1);
  const order: number[] = [];
  const release = await semaphore.acquire(LONG_MS, NEVER);
  const others = [1, 2, 3].map(async (number) => {
    const releaseOther = await semaphore.acquire(LONG_MS, NEVER);
    order.push(number);
    releaseOther();
  });
  expect(semaphore.waiting()).toBe(3);
  release();
  await Promise.all(others);
  expect([order, semaphore.waiting()]).toEqual([[1, 2, 3], 0]);
});

test('who waits too long, or comes when the queue is full, is refused and counted', async () => {
  const { semaphore, refusals } = semaphoreOf(1, 1);
  const release = await semaphore.acquire(LONG_MS, NEVER);
  await expect(semaphore.acquire(1, NEVER)).rejects.toThrow('All are taken.');
  const waiting = semaphore.acquire(LONG_MS, NEVER);
  await expect(semaphore.acquire(LONG_MS, NEVER)).rejects.toThrow('All are taken.');
  expect(refusals()).toBe(2);
  release();
  (await waiting)();
});

test.each([
  ['before it was given a permit', false],
  ['just after it was given a permit, which goes to the next one', true],
])('who stops waiting %s gets the reason of its signal', async (_, isGiven) => {
  const { semaphore, refusals } = semaphoreOf(1);
  const release = await semaphore.acquire(LONG_MS, NEVER);
  const leaving = new AbortController();
  const left = semaphore.acquire(LONG_MS, leaving.signal);
  const next = semaphore.acquire(LONG_MS, NEVER);
  if (isGiven) release();
  leaving.abort(new Error('gone'));
  await expect(left).rejects.toThrow('gone');
  if (!isGiven) release();
  (await next)();
  expect([semaphore.waiting(), refusals()]).toEqual([0, 0]);
});
