import { describe, expect, test } from '@jest/globals';
import { assert, dictionary, jsonValue, nat, property, string } from 'fast-check';
import { canonical } from '../../src/canonical.ts';

/** Anything that JSON.parse can return as variables: objects of any values, a few levels deep. */
const variables = dictionary(string({ unit: 'binary' }), jsonValue({ maxDepth: 4, stringUnit: 'binary' }), {
  maxKeys: 5,
});

/** The same value with the members of every object in a different order. */
function shuffled(value: unknown, seed: number): unknown {
  if (Array.isArray(value)) return value.map((member) => shuffled(member, seed + 1));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, shuffled(member, seed + 1)] as const);
  // A different order at each level, reproducible by the seed.
  entries.sort(([a], [b]) => order(a, seed) - order(b, seed));
  return Object.fromEntries(entries);
}

const order = (name: string, seed: number): number =>
  name.split('').reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0) * (seed + 7)) % 1_009, seed);

describe('the text of variables in a cache key', () => {
  test('is the same for variables that differ only in the order of their members', () => {
    assert(
      property(variables, nat(1_000), (value, seed) => {
        expect(canonical(shuffled(value, seed))).toBe(canonical(value));
      }),
      { numRuns: 500 },
    );
  });

  test('differs for variables that differ, since it can be parsed again', () => {
    assert(
      property(variables, (value) => {
        expect(JSON.parse(canonical(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 500 },
    );
  });

  test('differs for values of another type, in another number or in another place', () => {
    const texts = [
      '{} {"a":null} {"a":1} {"a":"1"} {"a":[1]} {"a":["1"]} {"a":true} {"a":"true"} {"a":""} {"a":"null"}',
      '{"a":[]} {"a":[[]]} {"a":{}} {"a":[{}]} {"a":{"a":{}}} {"A":1} {"a":1,"b":1} {"b":1} {"__proto__":1}',
      '{"a":[1,2]} {"a":[2,1]} {"a":["1,2"]} {"a":"1","b":"2"} {"a":"1\\",\\"b\\":\\"2"} {"a\\n":1}',
      '{"a":1.5} {"a":15} {"a":1e21} {"a":-1}',
      // Numbers out of range must not be confused with null or a string, nor lone surrogates with replacement characters.
      '{"a":1e999} {"a":-1e999} {"a":"Infinity"} {"a":"\\ud800"} {"a":"\\ufffd"}',
    ].flatMap((line) => line.split(' '));
    const keys = texts.map((text) => canonical(JSON.parse(text)));
    expect(new Set(keys).size).toBe(texts.length);
  });
});
