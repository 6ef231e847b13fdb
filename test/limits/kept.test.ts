import { expect, test } from '@jest/globals';
import { createKept, type Entry } from '../../src/graphql/kept.ts';

const weighing = (bytes: number) => (entry: Entry) => {
  entry.grow(bytes);
  return { entry };
};

test('the least recently used of all tables goes first', () => {
  const kept = createKept(10_000);
  const [one, other] = [kept.table(), kept.table()];
  one.add('a', weighing(3_500));
  other.add('a', weighing(3_500));
  expect(one.get('a')).toBeDefined();
  one.add('b', weighing(3_500));
  expect([one.get('a'), other.get('a'), one.get('b')].map(Boolean)).toEqual([true, false, true]);
  expect(kept.bytes()).toBeLessThanOrEqual(10_000);
});

test('what grows past the bound drives out the others, and itself when it is alone', () => {
  const kept = createKept(10_000);
  const table = kept.table<{ readonly entry: Entry }>();
  const { entry } = table.add('a', weighing(1_000));
  table.add('b', weighing(1_000));
  entry.grow(8_000);
  expect(table.get('a')).toBeUndefined();
  expect(table.get('b')).toBeDefined();
  expect(kept.bytes()).toBeLessThan(2_000);
  table.add('c', weighing(20_000));
  expect([table.get('b'), table.get('c'), kept.bytes()]).toEqual([undefined, undefined, 0]);
});

test('growth of what was dropped is not counted', () => {
  const kept = createKept(10_000);
  const table = kept.table<{ readonly entry: Entry }>();
  const { entry } = table.add('a', weighing(9_000));
  table.add('b', weighing(9_000));
  const before = kept.bytes();
  entry.grow(5_000);
  expect(kept.bytes()).toBe(before);
});

test('an owner goes after everything that refers to it, and nothing is kept for one that has gone', () => {
  const kept = createKept(10_000);
  const [owners, owned, others] = [kept.table<{ readonly entry: Entry }>(), kept.table(), kept.table()];
  const { entry } = owners.add('owner', weighing(2_000));
  owned.add('first', weighing(2_000), entry);
  owned.add('second', weighing(2_000), entry);
  others.add('other', weighing(2_000));
  // Makes its owner recent, too.
  expect(owned.get('first')).toBeDefined();
  others.add('another', weighing(2_000));
  expect(owned.get('second')).toBeUndefined();
  others.add('large', weighing(5_000));
  expect([owned.get('first'), others.get('other')]).toEqual([undefined, undefined]);
  expect(owners.get('owner')).toBeDefined();
  others.add('larger', weighing(9_000));
  expect(owners.get('owner')).toBeUndefined();
  expect(owned.add('late', weighing(10), entry)).toBeDefined();
  expect(owned.get('late')).toBeUndefined();
});

test('what cannot be made is not kept', () => {
  const kept = createKept(10_000);
  const table = kept.table();
  const fail = (): never => {
    throw new TypeError('no');
  };
  expect(() => table.add('a', fail)).toThrow(TypeError);
  expect([table.get('a'), kept.bytes()]).toEqual([undefined, 0]);
});
