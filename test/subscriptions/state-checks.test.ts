import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createStateChecks } from '../../src/events/state-checks.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

/** The states in the database, by customer. */
let states: Map<string, string>;
let isDown: boolean;
/** Resolves when the database goes on; undefined while it does not hang. */
let hanging: Promise<void> | undefined;
/** How many customers each statement has read. */
let read: number[];
let begun: string[];
let changed: string[];
let metrics: ReturnType<typeof createMetrics>;
let checks: ReturnType<typeof createStateChecks>;
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
  [states, isDown, hanging, read, begun, changed] = [new Map([['1', 'a']]), false, undefined, [], [], []];
  metrics = createMetrics();
  checks = createStateChecks({
    async readStates(customerIds) {
      read.push(customerIds.length);
      await hanging;
      if (isDown) throw new Error('the database is down');
      return new Map([...states].filter(([customerId]) => customerIds.includes(customerId)));
    },
    onBegun: (customerId) => begun.push(customerId),
    onChange: (customerId) => changed.push(customerId),
    log: createLog({ level: 'silent', readable: false, destination: new Writable() }),
    metrics,
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
const counted = async () => {
  const [found, failures] = await Promise.all(
    [metrics.subscriptionChangesFound, metrics.subscriptionCheckFailures].map((counter) => counter.get()),
  );
  return [found?.values[0]?.value, failures?.values[0]?.value];
};
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
  expect(await counted()).toEqual([2, 0]);
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
    expect(await counted()).toEqual([0, 2]);
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

describe('while the database hangs', () => {
  let goOn: () => void;
  const hang = (): void => {
    hanging = new Promise((resolve) => (goOn = resolve));
  };

  test('events wait for a second, and then for nothing', async () => {
    await begin('1', '2');
    hang();
    checks.told('1');
    await settle();
    expect(changed).toEqual([]);
    checks.told('2');
    await jest.advanceTimersByTimeAsync(1_000);
    expect(changed).toEqual(['1', '2']);
    checks.told('1');
    expect(changed).toEqual(['1', '2', '1']);
    await begin('3');
    expect(checks.hasBegun('3')).toBe(true);
    expect(await counted()).toEqual([0, 1]);
    goOn();
    hanging = undefined;
    // Nobody knows what was missed.
    await nextCheck();
    await nextCheck();
    expect(changed).toEqual(['1', '2', '1', '1', '2', '3']);
    checks.told('1');
    await settle();
    expect(changed.at(-1)).toBe('1');
  });

  test('no further statement is sent', async () => {
    await begin('1');
    read = [];
    hang();
    for (let i = 0; i < 5; i += 1) {
      await nextCheck();
      checks.told('1');
    }
    expect(read).toEqual([1]);
    goOn();
  });
});

test('events do not wait for a check of many others', async () => {
  const customerIds = Array.from({ length: 300 }, (_, i) => `${i}`);
  await begin(...customerIds);
  let goOn: () => void = () => undefined;
  hanging = new Promise((resolve) => (goOn = resolve));
  read = [];
  await nextCheck();
  checks.told('299');
  hanging = undefined;
  goOn();
  await untilReading(2);
  expect(changed).toEqual([]);
  await Promise.resolve();
  await settle();
  expect({ read, changed }).toEqual({ read: [128, 128, 44], changed: ['299'] });
});

test('nothing is read about one that has ended meanwhile', async () => {
  checks.begin('1');
  checks.end('1');
  await settle();
  expect({ read, begun }).toEqual({ read: [], begun: [] });
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
