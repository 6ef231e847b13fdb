import { expect, test } from '@jest/globals';
import { createWriteQueue } from '../../src/db/write-queue.ts';
import { NEVER } from '../../src/time-limit.ts';

const LONG_MS = 600_000;

function queueOf(atOnce: number, maxWaiting = 10) {
  let refusals = 0;
  const queue = createWriteQueue({ atOnce, maxWaiting, full: 'Too many.', refused: () => (refusals += 1) });
  const enter = ({ client = 'one', row = undefined as string | undefined, waitMs = LONG_MS, signal = NEVER } = {}) =>
    queue.enter({ client, row, waitMs, signal });
  /** Enters, notes its name once it may run, and ends when told to. */
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const run = async (name: string, client: string, row?: string): Promise<void> => {
    const end = await enter({ client, row });
    begun.push(name);
    ends.set(name, end);
  };
  const end = async (name: string) => {
    ends.get(name)?.();
    // Whatever may run now has begun.
    await new Promise(setImmediate);
  };
  return { queue, enter, run, end, begun, refusals: () => refusals };
}

test('the transactions of one client run in the order in which they came, and clients take turns', async () => {
  const { queue, run, end, begun } = queueOf(1);
  for (const name of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) void run(name, name.charAt(0));
  await end('');
  expect([begun, queue.waiting()]).toEqual([['a1'], 5]);
  for (let i = 0; i < 6; i += 1) await end(begun.at(-1) ?? '');
  expect([begun, queue.waiting()]).toEqual([['a1', 'a2', 'b1', 'c1', 'a3', 'b2'], 0]);
});

test('of those that lock the same row, one runs at a time, and others pass by', async () => {
  const { queue, run, end, begun } = queueOf(3);
  for (const name of ['a1', 'a2', 'b1', 'b2']) void run(name, name.charAt(0), 'Customer 7');
  void run('b3', 'b', 'Customer 8');
  void run('c1', 'c');
  await end('');
  expect([begun, queue.waiting()]).toEqual([['a1', 'b3', 'c1'], 3]);
  await end('b3');
  expect(begun).toHaveLength(3);
  await end('a1');
  expect(begun.slice(3)).toEqual(['a2']);
  await end('a2');
  await end('b1');
  await end('b2');
  expect([begun.slice(3), queue.waiting()]).toEqual([['a2', 'b1', 'b2'], 0]);
});

test('who waits too long, or comes when too many wait, is refused and counted', async () => {
  const { enter, refusals } = queueOf(1, 1);
  const end = await enter();
  await expect(enter({ waitMs: 1 })).rejects.toThrow('Too many.');
  const waiting = enter();
  await expect(enter()).rejects.toThrow('Too many.');
  expect(refusals()).toBe(2);
  end();
  (await waiting)();
});

test.each([
  ['before its turn', false],
  ['just after its turn has come, which is then that of the next one', true],
])('who stops waiting %s gets the reason of its signal', async (_, hasBegun) => {
  const { queue, enter, refusals } = queueOf(2);
  const row = 'Customer 7';
  const end = await enter({ row });
  const leaving = new AbortController();
  const left = enter({ row, signal: leaving.signal });
  const next = enter({ client: 'two', row });
  if (hasBegun) end();
  leaving.abort(new Error('gone'));
  await expect(left).rejects.toThrow('gone');
  if (!hasBegun) end();
  (await next)();
  expect([queue.waiting(), refusals()]).toEqual([0, 0]);
});
