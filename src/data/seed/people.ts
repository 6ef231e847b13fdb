import type { Country } from './countries.ts';
import { NAMES } from './names.ts';
import type { Random } from './random.ts';

/** Somebody of a country. */
interface Person {
  readonly name: string;
  /** The part of an e-mail address before the `@`, in ASCII; not unique. */
  readonly mailbox: string;
  /** The family name in the language's own script. */
  readonly family: string;
}

/** Names somebody as people of the country are named. */
export function createPerson(random: Random, country: Country): Person {
  const list = NAMES[country.language];
  const given = random.pick(list.given);
  const family = random.pick(list.family);
  // Second names keep a million people from sharing twelve thousand names; only some scripts write them apart.
  const secondGiven = random.chance(350) ? random.pick(list.given) : given;
  const secondFamily = random.chance(120) ? random.pick(list.family) : family;
  const isLatin = /^\p{Script=Latin}/u.test(family.native);
  return {
    name: list.join(
      isLatin && secondGiven !== given ? `${given.native} ${secondGiven.native}` : given.native,
      isLatin && secondFamily !== family ? `${family.native}-${secondFamily.native}` : family.native,
    ),
    mailbox: `${given.latin}.${family.latin}`,
    family: family.native,
  };
}

/** Fills a pattern: `#` with a digit, `@` with one that is not 0. */
export function fillPattern(random: Random, pattern: string): string {
  return pattern.replaceAll(/[#@]/g, (mark) => String(mark === '@' ? random.between(1, 9) : random.below(10)));
}
