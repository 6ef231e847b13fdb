import { describe, expect, test } from '@jest/globals';
import { createFairQueue } from '../../src/graphql/fair-queue.ts';

/** Runs work that ends when it is told to, and notes when each piece begins. */
function createRunner(limits: { readonly maxCost: number; readonly maxCostPerClient: number }) {
  const queue = createFairQueue(limits);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  /** Begins work for the client that its name starts with. */
  const run = (name: string, cost: number, signal = new AbortController().signal): Promise<string> => {
    const [client = ''] = name;
    return queue.run({ client, cost, signal }, () => {
      begun.push(name);
      const { promise, resolve } = Promise.withResolvers<string>();
      ends.set(name, () => resolve(name));
      return promise;
    });
  };
  /** Ends a piece, and lets the next ones begin. */
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await new Promise(setImmediate);
  };
  return { queue, begun, run, end };
}

describe('clients that want to run more than is allowed at once', () => {
  test('take turns, each with what it sent first', async () => {
    const { run, begun, end, queue } = createRunner({ maxCost: 1, maxCostPerClient: 1 });
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1']) void run(name, 1);
    expect([begun, queue.waiting()]).toEqual([['a1'], 6]);
    for (const name of ['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']) await end(name);
    expect([begun, queue.waiting()]).toEqual([['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4'], 0]);
  });

  test('share what all may use, and leave room for one more', async () => {
    const { run, begun, end } = createRunner({ maxCost: 90, maxCostPerClient: 60 });
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7']) void run(name, 10);
    // Alone, it has all of its own limit.
    expect(begun).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'a6']);
    for (const name of ['b1', 'b2', 'b3', 'b4']) void run(name, 10);
    await end('none');
    expect(begun.slice(6)).toEqual(['b1', 'b2', 'b3']);
    // As long as there are two, each has a third.
    for (const name of ['a1', 'a2', 'a3']) await end(name);
    expect(begun.slice(9)).toEqual([]);
    await end('a4');
    expect(begun.slice(9)).toEqual(['a7']);
    void run('c1', 30);
    await end('none');
    expect(begun.slice(10)).toEqual(['c1']);
  });

  test('do not wait for one that has reached its own limit', async () => {
    const { run, begun, end } = createRunner({ maxCost: 100, maxCostPerClient: 10 });
    for (const name of ['a1', 'a2', 'a3']) void run(name, 5);
    void run('b1', 5);
    await end('none');
    expect(begun).toEqual(['a1', 'a2', 'b1']);
    await end('a1');
    expect(begun).toEqual(['a1', 'a2', 'b1', 'a3']);
  });

  test('cannot keep one that costs much from beginning', async () => {
    const { run, begun, end } = createRunner({ maxCost: 10, maxCostPerClient: 10 });
    void run('a1', 6);
    void run('b1', 6);
    for (const name of ['c1', 'c2']) void run(name, 1);
    expect(begun).toEqual(['a1']);
    await end('a1');
    expect(begun).toEqual(['a1', 'b1', 'c1', 'c2']);
  });

  test('run what costs more than a client may use one after the other, and others go on', async () => {
    const { run, begun, end } = createRunner({ maxCost: 10, maxCostPerClient: 5 });
    for (const name of ['a1', 'a2']) void run(name, 1_000);
    void run('b1', 5);
    await end('none');
    expect(begun).toEqual(['a1', 'b1']);
    await end('a1');
    expect(begun).toEqual(['a1', 'b1', 'a2']);
  });

  test('run even if no client may use as much as all together', async () => {
    const { run, begun, end } = createRunner({ maxCost: 5, maxCostPerClient: 10 });
    void run('a1', 20);
    void run('b1', 1);
    await end('a1');
    expect(begun).toEqual(['a1', 'b1']);
  });
});

test('what is given up while it waits never begins, and those behind it do', async () => {
  const { run, begun, end, queue } = createRunner({ maxCost: 10, maxCostPerClient: 10 });
  const gone = new AbortController();
  void run('a1', 5);
  const large = run('b1', 10, gone.signal);
  void run('c1', 5);
  await end('none');
  expect(begun).toEqual(['a1']);
  gone.abort(new Error('gone'));
  await expect(large).rejects.toThrow('gone');
  expect([begun, queue.waiting()]).toEqual([['a1', 'c1'], 0]);
  await expect(run('b2', 1, gone.signal)).rejects.toThrow('gone');
});

test('what another client waits for too begins when the turn of either comes, once', async () => {
  const { queue, run, begun, end } = createRunner({ maxCost: 10, maxCostPerClient: 5 });
  for (const name of ['a1', 'a2']) void run(name, 5);
  const signal = new AbortController().signal;
  let join: (client: string) => void = () => undefined;
  const whose: string[] = [];
  const onJoined = (joined: typeof join) => {
    join = joined;
    return () => undefined;
  };
  const shared = queue.run({ client: 'a', cost: 5, signal, onJoined }, (client) => void whose.push(client));
  await end('none');
  expect([begun, whose]).toEqual([['a1'], []]);
  join('b');
  join('c');
  await shared;
  expect(whose).toEqual(['b']);
  expect(queue.waiting()).toBe(1);
  await end('a1');
  expect([begun, whose, queue.waiting()]).toEqual([['a1', 'a2'], ['b'], 0]);
});

test('work that throws gives its place to the next', async () => {
  const { queue, run, begun } = createRunner({ maxCost: 1, maxCostPerClient: 1 });
  const signal = new AbortController().signal;
  const failing = queue.run({ client: 'a', cost: 1, signal }, () => Promise.reject(new Error('failed')));
  void run('b1', 1);
  await expect(failing).rejects.toThrow('failed');
  await new Promise(setImmediate);
  expect(begun).toEqual(['b1']);
});
