import { NAMES } from '../../src/data/seed/names.ts';

/** What must be in no log and no metric. */
const PATTERNS: Readonly<Record<string, RegExp>> = {
  'an email address': /[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}/i,
  'a telephone number': /\+\d{8,15}\b/,
  'a token': /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+/,
  'an API key': /\bconcierge_[A-Za-z\d]{40,}/,
  variables: /"variables":/,
};

const wordsOf = (part: 'given' | 'family'): ReadonlySet<string> =>
  new Set(Object.values(NAMES).flatMap((list) => list[part].map(({ native }) => native)));
const GIVEN = wordsOf('given');
const FAMILY = wordsOf('family');
/** Not in Latin letters, a name is told from anything else that is logged by itself. */
const OTHER_SCRIPTS = /[^\p{Script=Latin}\p{Script=Common}\p{Script=Inherited}]/u;

/** What a text has of somebody's data, such as `an email address`; undefined if nothing is found. */
export function personalDataIn(text: string): string | undefined {
  const found = Object.entries(PATTERNS).find(([, pattern]) => pattern.test(text));
  if (found !== undefined) return found[0];
  if (OTHER_SCRIPTS.test(text)) return 'letters of names';
  const words = text.split(/[^\p{L}\p{M}'’-]+/u);
  return words.some((word, i) => GIVEN.has(word) && FAMILY.has(words[i + 1] ?? '')) ? 'a name' : undefined;
}
