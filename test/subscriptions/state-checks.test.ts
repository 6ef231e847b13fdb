import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createStateChecks } from '../../src/events/state-checks.ts';

/** The states in the database, by customer. */
let states: Map<string, string>;
let isDown: boolean;
/** How many customers each statement has read. */
let read: number[];
let begun: string[];
let changed: string[];
let checks: ReturnType<typeof createStateChecks>;
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
  [states, isDown, read, begun, changed] = [new Map([['1', 'a']]), false, [], [], []];
  checks = createStateChecks({
    async readStates(customerIds) {
      read.push(customerIds.length);
      if (isDown) throw new Error('the database is down');
      return new Map([...states].filter(([customerId]) => customerIds.includes(customerId)));
    },
    onBegun: (customerId) => begun.push(customerId),
    onChange: (customerId) => changed.push(customerId),
  });
});
afterEach(() => {
  jest.useRealTimers();
});

const settle = () => new Promise((resolve) => setImmediate(resolve));
/** Until so many statements have been sent. */
const untilReading = async (count: number) => {
  while (read.length < count) await Promise.resolve();
};
const nextCheck = () => jest.advanceTimersByTimeAsync(10_000);
const begin = async (...customerIds: string[]) => {
  for (const customerId of customerIds) checks.begin(customerId);
  await settle();
};

test('a customer whose state stays the same is read at once, and at each check', async () => {
  await begin('1');
  await nextCheck();
  await nextCheck();
  expect({ read, begun, changed }).toEqual({ read: [1, 1, 1], begun: ['1'], changed: [] });
});

test('a change that nobody has told is found by the next check, once', async () => {
  await begin('1');
  states.set('1', 'b');
  await nextCheck();
  expect(changed).toEqual(['1']);
  states.delete('1');
  await nextCheck();
  await nextCheck();
  expect(changed).toEqual(['1', '1']);
});

test('a change that was told is not found again', async () => {
  await begin('1');
  states.set('1', 'b');
  expect(checks.told('1')).toBe(false);
  expect(checks.told('1')).toBe(true);
  await settle();
  expect({ read, changed }).toEqual({ read: [1, 1], changed: ['1'] });
  await nextCheck();
  expect(changed).toEqual(['1']);
  expect(checks.told('1')).toBe(false);
});

test('one that is told while its state is being read is told once more: it may have been read before the change', async () => {
  await begin('1');
  checks.told('1');
  await untilReading(2);
  states.set('1', 'b');
  checks.told('1');
  checks.told('1');
  await settle();
  expect({ read, changed }).toEqual({ read: [1, 1, 1], changed: ['1', '1'] });
});

describe('while the database does not answer', () => {
  test('what is told is passed on, and once it answers, the customer is to be read again', async () => {
    await begin('1');
    isDown = true;
    checks.told('1');
    await settle();
    await nextCheck();
    expect(changed).toEqual(['1']);
    isDown = false;
    await nextCheck();
    await nextCheck();
    expect(changed).toEqual(['1', '1']);
  });

  test('a subscription begins', async () => {
    isDown = true;
    await begin('1');
    expect([begun, checks.hasBegun('1')]).toEqual([['1'], true]);
    isDown = false;
    await nextCheck();
    expect(changed).toEqual(['1']);
  });
});

test('the states of many customers are read a hundred and twenty-eight at once', async () => {
  const customerIds = Array.from({ length: 300 }, (_, i) => `${i}`);
  await begin(...customerIds);
  expect(begun.toSorted()).toEqual(customerIds.toSorted());
  read = [];
  await nextCheck();
  expect(read).toEqual([128, 128, 44]);
});

test('nothing is read any more once nobody subscribes, nor about one to which nobody does', async () => {
  await begin('1', '2');
  checks.end('2');
  expect(checks.hasBegun('2')).toBe(false);
  read = [];
  checks.told('2');
  await nextCheck();
  expect(read).toEqual([1]);
  checks.end('1');
  await nextCheck();
  expect([read, jest.getTimerCount()]).toEqual([[1], 0]);
  await begin('1');
  await nextCheck();
  expect([read, begun]).toEqual([
    [1, 1, 1],
    ['1', '2', '1'],
  ]);
});
