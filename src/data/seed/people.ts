import type { Country } from './countries.ts';
import { NAMES } from './names.ts';
import type { Random } from './random.ts';

/** A person from a country. */
interface Person {
  readonly name: string;
  /** The part of an email address before the `@`, in ASCII; not unique. */
  readonly mailbox: string;
  /** The family name in its native script. */
  readonly family: string;
}

/** Creates a person with a name that is typical of the country. */
export function createPerson(random: Random, country: Country): Person {
  const list = NAMES[country.language];
  const given = random.pick(list.given);
  const family = random.pick(list.family);
  // Without second names, a million people would share twelve thousand names. Only some scripts separate them.
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

/** Fills a pattern: `#` with a digit, `@` with one other than 0. */
export function fillPattern(random: Random, pattern: string): string {
  return pattern.replaceAll(/[#@]/g, (mark) => String(mark === '@' ? random.between(1, 9) : random.below(10)));
}
