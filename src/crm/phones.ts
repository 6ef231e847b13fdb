import {
  getCountries,
  getCountryCallingCode,
  Metadata,
  parseIncompletePhoneNumber,
  parsePhoneNumberFromString,
  type CountryCode,
  type NumberingPlan,
  type PhoneNumber,
} from 'libphonenumber-js';
import { normaliseText } from './text.ts';

/** What numbers are written with: digits of any script, spaces, brackets, points, slashes, dashes. */
const AS_WRITTEN = /^[\p{Nd}\s().+/\p{Pd}]+$/u;

function readPhone(given: unknown, country?: string): PhoneNumber | undefined {
  if (typeof given !== 'string' || given.length > 50) return undefined;
  const text = normaliseText(given);
  const defaultCountry = country as CountryCode | undefined;
  // With a country, the library knows what is dialled there for abroad.
  const number = parsePhoneNumberFromString(country === undefined ? text.replace(/^\s*00/, '+') : text, {
    // Without it numbers are found in any text. The library takes an unknown country for none.
    extract: false,
    ...(defaultCountry && { defaultCountry }),
  });
  // E.164 has no room for an extension, and one that is dropped is lost. It has the plus sign and 15 digits; the library
  // finds longer ones possible in some countries.
  const isE164 = number?.isPossible() === true && number.number.length <= 16;
  return isE164 && !number.ext ? number : undefined;
}

/**
 * A telephone number in E.164 form to look for, or undefined for what is none: as long as numbers of its country are.
 * Rows from elsewhere may hold some that its country does not give out.
 */
export const parseSoughtPhone = (given: unknown): string | undefined => readPhone(given)?.number;

/**
 * A telephone number to keep, in E.164 form, or undefined for what is none: one that its country gives out, by its length
 * and first digits. National forms need a country.
 */
export function parsePhone(given: unknown, country?: string): string | undefined {
  const number = readPhone(given, country);
  return number?.isValid() === true ? number.number : undefined;
}

/** By calling code, such as `49`, what is dialled before a national number within the country: `0`; undefined for nothing. */
const TRUNK_PREFIXES: ReadonlyMap<string, string | undefined> = trunkPrefixes();

/** The library has it; its types leave it out. */
type Plan = NumberingPlan & { nationalPrefix(): string | 0 | undefined };

function trunkPrefixes() {
  const metadata = new Metadata();
  const prefixes = getCountries().map((country): [string, string | undefined] => {
    metadata.selectNumberingPlan(country);
    const plan = metadata.numberingPlan as Plan | undefined;
    // Zero, the number, stands for none in its tables.
    return [getCountryCallingCode(country), plan?.nationalPrefix() || undefined];
  });
  return new Map(prefixes.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * The starts of the E.164 numbers that begin with the digits of a text; undefined for one that has other characters than
 * numbers are written with, or fewer than four digits. `+` or `00` stands before a country's code, and `(0)` after it for
 * what is dialled only within the country. With another zero in front it is a national number: of any country, since
 * none is named.
 */
export function phoneStarts(text: string): readonly string[] | undefined {
  const wide = text.normalize('NFKC');
  if (!AS_WRITTEN.test(wide)) return undefined;
  const written = parseIncompletePhoneNumber(wide);
  if (!/^\+?\d{4,18}$/.test(written)) return undefined;
  if (/^(\+|00)/.test(written)) return [internationalStart(wide)];
  if (!written.startsWith('0')) return [`+${written}`];
  return [...TRUNK_PREFIXES].map(([code, prefix]) => {
    const isDialled = prefix !== undefined && written.startsWith(prefix);
    return `+${code}${isDialled ? written.slice(prefix.length) : written}`;
  });
}

function internationalStart(text: string): string {
  const whole = parsePhone(text);
  if (whole !== undefined) return whole;
  // Not whole yet, so that the library knows too little of it. Italy's numbers begin with the zero from abroad, too.
  const [, start = '', rest = ''] = /^([^(]*\d[^(]*)\(0\)(.*)$/.exec(text) ?? [];
  const code = parseIncompletePhoneNumber(start).replace(/^(\+|00)/, '');
  const digits = TRUNK_PREFIXES.get(code)?.startsWith('0') === true ? `${start}${rest}` : text;
  return `+${parseIncompletePhoneNumber(digits).replace(/^(\+|00)/, '')}`;
}
