/** Numbers that look random and are the same on every machine: integers only, no functions that an engine may round. */
export interface Random {
  /** A whole number from 0 to `bound - 1`; `bound` up to 2^21. */
  below(bound: number): number;
  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number;
  /** True `perThousand` times in a thousand. */
  chance(perThousand: number): boolean;
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
  /** From 0 up to 1, exclusive. */
  fraction(): number;
}

const TWO_TO_32 = 4_294_967_296;

/**
 * A stream of random numbers (Chris Doty-Humphrey's sfc32).
 * @param seed the user's
 * @param stream which of the seed's independent streams; each block of rows has its own, so that it can be made alone
 */
export function createRandom(seed: number, stream: number): Random {
  const next = createSfc32(mix(seed), mix(stream ^ 0x9e3779b9), mix(seed ^ (stream << 16)));
  const below = (bound: number) => Math.floor((next() * bound) / TWO_TO_32);
  return {
    below,
    between: (least, most) => least + below(most - least + 1),
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
  // The generator's author runs it a while so that similar seeds part.
  for (let round = 0; round < 15; round += 1) next();
  return next;
}

/** Spreads a number over 32 bits (the finaliser of MurmurHash3). */
function mix(value: number): number {
  let bits = (value + 0x6d2b79f5) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

/** A chooser among items, each as often as its weight says. */
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
