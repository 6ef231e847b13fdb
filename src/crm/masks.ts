import { callingCodeOf } from './phones.ts';

/** What is shown instead of a value of which nothing may be shown. */
export const MASK = '***';

type Mask = (value: string) => string;

/**
 * How values of a scalar are masked, by its name. The number of stars says nothing about the length, and what is shown is always less
 * than what is hidden, so that a short value cannot be read.
 */
export const MASKS: ReadonlyMap<string, Mask> = new Map([
  ['EmailAddress', maskedEmail],
  ['PhoneNumber', maskedPhone],
  ['String', () => MASK],
]);

/** How a part of a text is masked, by the name that the schema has for the part (`MaskedPart`). */
export const MASKS_OF_PARTS: ReadonlyMap<string, Mask> = new Map([['EMAIL_ADDRESSES', maskedEmailsIn]]);

/** Scalars whose values are always personal. */
export const PERSONAL_SCALARS: ReadonlySet<string> = new Set(['EmailAddress', 'PhoneNumber']);

const EMAIL = /^([^@]+)@([^@]+)\.([a-z]+)$/i;
const FEWEST_BEHIND_INITIAL = 3;
const LAST_DIGITS = 2;
const FEWEST_HIDDEN_DIGITS = 5;

/** For example `a***@e***.com`; the initials only of names that have at least four characters. */
function maskedEmail(email: string): string {
  const [, local, domain, top] = EMAIL.exec(email) ?? [];
  if (local === undefined || domain === undefined || top === undefined) return MASK;
  return `${initial(local)}${MASK}@${initial(domain)}${MASK}.${top}`;
}

/**
 * Email addresses in a text such as `samlp|staff|ada@example.com`, and what only resembles one: everything around an at sign, which may
 * be encoded as in a URL. They end at what separates words, and at characters that no usual address has.
 */
const EMAIL_IN_TEXT = (() => {
  const separators = String.raw`\s<>()[\]{},;:"|/\\=?&`;
  const local = String.raw`(?:"[^"]*"|[^${separators}]+)`;
  const domain = String.raw`(?:\[[^\]]*\]|[^${separators}.@](?:[^${separators}@]*[^${separators}.@])?)`;
  return new RegExp(`${local}(?:@|%40)${domain}`, 'gi');
})();

/** For example `samlp|staff|a***@e***.com`. */
function maskedEmailsIn(text: string): string {
  return text.replaceAll(EMAIL_IN_TEXT, (email) => maskedEmail(email.replace('%40', '@')));
}

/** What `maskedEmail` and `maskedPhone` make; no email address or telephone number looks like this. */
const MASKED = /^(?:\*{3}|[^@]?\*{3}@[^@]?\*{3}\.[a-z]+|\+\d{1,3} \*{3}(?: \d\d)?)$/iu;

/** Words before a value in a message that refuses it, if somebody sends back what was shown masked. */
export const ifMask = (given: unknown): string =>
  typeof given === 'string' && MASKED.test(given.trim()) ? 'the mask ' : '';

function initial(name: string): string {
  const [first = '', ...others] = name;
  return others.length < FEWEST_BEHIND_INITIAL ? '' : first;
}

/** For example `+49 *** 56`; the last digits only if at least five are hidden. */
function maskedPhone(number: string): string {
  const code = callingCodeOf(number);
  if (code === undefined) return MASK;
  const hidden = number.length - 1 - code.length - LAST_DIGITS;
  return `+${code} ${MASK}${hidden < FEWEST_HIDDEN_DIGITS ? '' : ` ${number.slice(-LAST_DIGITS)}`}`;
}
