import { expect, test } from '@jest/globals';
import { Turns } from '../../src/turns.ts';

/** Something that takes a while, though no clock says how long. */
function work(rounds: number): number {
  let sum = 0;
  for (let i = 0; i < rounds; i += 1) sum += Math.sqrt(i);
  return sum;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('of all that wait, the client comes first that was served the least', async () => {
  const turns = new Turns({ ms: 0, callsPerLook: 1 });
  const done: string[] = [];
  const later = (client: string, rounds: number) =>
    turns.later(client, () => {
      done.push(client);
      work(rounds);
    });
  for (let i = 0; i < 3; i += 1) later('many', 3_000_000);
  later('one', 1_000);
  // A turn of no time has room for one piece.
  for (let i = 1; i <= 4; i += 1) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- one turn after the other
    while (done.length < i) await turn();
    if (i === 2) later('one', 1_000);
  }
  expect(done).toEqual(['many', 'one', 'one', 'many']);
});

test('of the connections of a client, the one comes first that was served the least', async () => {
  const turns = new Turns({ ms: 0, callsPerLook: 1 });
  const done: string[] = [];
  const later = (connection: string, rounds: number) => {
    const go = () => {
      done.push(connection);
      work(rounds);
    };
    turns.later('proxy', go, connection);
  };
  for (let i = 0; i < 3; i += 1) later('many', 3_000_000);
  for (let i = 0; i < 2; i += 1) later('few', 1_000);
  while (done.length < 5) await turn();
  expect(done).toEqual(['many', 'few', 'few', 'many', 'many']);
});

test('what a piece of work has promised to do belongs to its turn and counts for its client', async () => {
  const turns = new Turns({ ms: 0, callsPerLook: 1 });
  const done: string[] = [];
  const run = async (client: string, rounds: number): Promise<void> => {
    await turns.next(client);
    done.push(`${client} begins`);
    await Promise.resolve();
    work(rounds);
    done.push(`${client} ends`);
  };
  const both = [run('a', 3_000_000), run('a', 3_000_000), run('b', 1_000), run('b', 1_000)];
  await Promise.all(both);
  expect(done).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'b begins', 'b ends', 'a begins', 'a ends']);
});

test('what should not wait for work is called before it, or after that of the same turn', async () => {
  const turns = new Turns({ ms: 60_000, callsPerLook: 1 });
  const done: string[] = [];
  const note = (what: string) => () => void done.push(what);
  turns.later('a', () => {
    done.push('work');
    turns.beforeWork(note('after the work'));
    setImmediate(note('the next turn'));
  });
  turns.beforeWork(note('before the work'));
  turns.later('b', note('other work'));
  while (done.length < 5) await turn();
  expect(done).toEqual(['before the work', 'work', 'other work', 'after the work', 'the next turn']);
});

test('it is called in a turn without work, too', async () => {
  const turns = new Turns({ ms: 60_000, callsPerLook: 1 });
  await new Promise<void>((resolve) => turns.beforeWork(resolve));
  await new Promise<void>((resolve) => turns.beforeWork(resolve));
  expect(turns.isTaken()).toBe(false);
});

test('work waits if others wait, or if the turn is over', async () => {
  const turns = new Turns({ ms: 60_000, callsPerLook: 1 });
  expect(turns.isTaken()).toBe(false);
  turns.later('a', () => undefined);
  expect(turns.isTaken()).toBe(true);
  await turns.next('a');
  expect(turns.isTaken()).toBe(false);
  expect(new Turns({ ms: 0, callsPerLook: 1 }).isTaken()).toBe(true);
});
