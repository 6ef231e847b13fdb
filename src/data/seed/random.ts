/**
 * Pseudorandom numbers that are the same on every machine: integers only, and no functions that engines may round differently.
 */
export interface Random {
  /** An integer from 0 to `bound - 1`; `bound` is at most 2^21. */
  below(bound: number): number;
  /** An integer from `min` to `max`. */
  between(min: number, max: number): number;
  /** True with a probability of `perThousand` in a thousand. */
  chance(perThousand: number): boolean;
  /** An item of a non-empty list. */
  pick<T>(list: readonly T[]): T;
  /** From 0 to 1, exclusive. */
  fraction(): number;
}

const TWO_TO_32 = 4_294_967_296;

/**
 * A stream of pseudorandom numbers (Chris Doty-Humphrey's sfc32).
 * @param seed the user's
 * @param stream which of the seed's independent streams; each block has its own, so that it can be generated alone
 */
export function createRandom(seed: number, stream: number): Random {
  const next = createSfc32(mix(seed), mix(stream ^ 0x9e3779b9), mix(seed ^ (stream << 16)));
  const below = (bound: number) => Math.floor((next() * bound) / TWO_TO_32);
  return {
    below,
    between: (min, max) => min + below(max - min + 1),
    chance: (perThousand) => below(1_000) < perThousand,
    pick(list) {
      const item = list[below(list.length)];
      if (item === undefined) throw new RangeError('expected a list with something in it');
      return item;
    },
    fraction: () => next() / TWO_TO_32,
  };
}

function createSfc32(first: number, second: number, third: number): () => number {
  let [a, b, c, counter] = [first, second, third, 1];
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  // The generator's author recommends discarding the first numbers, so that similar seeds diverge.
  for (let round = 0; round < 15; round += 1) next();
  return next;
}

/** Spreads a number over 32 bits (MurmurHash3's finaliser). */
function mix(value: number): number {
  let bits = (value + 0x6d2b79f5) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

/** Like `createWeighted`, for each word of an enumeration. */
export function createWeightedWord<Word extends string>(weights: Readonly<Record<Word, number>>) {
  return createWeighted(Object.entries(weights) as [Word, number][]);
}

/** Creates a function that picks an item with a probability proportional to its weight. */
export function createWeighted<T>(items: readonly (readonly [item: T, weight: number])[]): (random: Random) => T {
  const total = items.reduce((sum, [, weight]) => sum + weight, 0);
  return (random) => {
    let left = random.below(total);
    for (const [item, weight] of items) {
      left -= weight;
      if (left < 0) return item;
    }
    throw new RangeError('expected at least one item with a weight above 0');
  };
}
