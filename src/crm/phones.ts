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

/**
 * The characters that numbers are written with: digits, spaces, brackets, points and middle dots, slashes, dashes (also the
 * minus sign and the long vowel mark of Japanese), tildes, plus signs.
 */
const AS_WRITTEN = /^[0-9\s()[\].\u00b7\u2022\u2027\u2219\u22c5\u30fb+/\p{Pd}\u2212\u30fc~]+$/u;

/** What is written before a number: the scheme of a link (RFC 3966), or its abbreviation. */
const ANNOUNCED = /^(?:tel|phone|fon)\s*[:.]+\s*(?=[+(\d])/i;

/** An extension behind a number, as a link or people write it. */
const EXTENSION = /[\s,;.]*(?:;ext=|ext(?:ension|n)?\b|x|#|durchwahl|dw\b|poste|anexo|доб)[\s.:]*\d{1,7}$/iu;
/** Fewer digits before what could be an extension are no whole number. */
const FEWEST_BEFORE_EXTENSION = 7;

function readPhone(given: unknown, country?: string): PhoneNumber | undefined {
  if (typeof given !== 'string' || given.length > 50) return undefined;
  const text = normaliseText(given);
  const defaultCountry = country as CountryCode | undefined;
  // Given a country, the library knows its prefix for international calls.
  const number = parsePhoneNumberFromString(country === undefined ? text.replace(/^\s*00/, '+') : text, {
    // Otherwise numbers would be found within any text. The library treats an unknown country as none.
    extract: false,
    ...(defaultCountry && { defaultCountry }),
  });
  // E.164 has no extensions, and dropping one would lose it. It allows a plus sign and 15 digits; the library considers longer
  // numbers possible in some countries.
  const isE164 = number?.isPossible() === true && number.number.length <= 16;
  return isE164 && !number.ext ? number : undefined;
}

/**
 * A telephone number to search for, in E.164 form; undefined unless its length is possible in its country. Rows that other
 * programs wrote may have numbers that their country does not assign.
 */
export const parseSoughtPhone = (given: unknown): string | undefined => readPhone(given)?.number;

/**
 * A telephone number to store, in E.164 form; undefined unless its country assigns such numbers, by length and first digits.
 * National formats need a country.
 */
export function parsePhone(given: unknown, country?: string): string | undefined {
  const number = readPhone(given, country);
  return number?.isValid() === true ? number.number : undefined;
}

/** By calling code, such as `49`, the trunk prefix that is dialled before a national number: `0`; undefined for none. */
const TRUNK_PREFIXES: ReadonlyMap<string, string | undefined> = trunkPrefixes();

/** The library's types leave this out. */
type Plan = NumberingPlan & { nationalPrefix(): string | 0 | undefined };

function trunkPrefixes() {
  const metadata = new Metadata();
  const prefixes = getCountries().map((country): [string, string | undefined] => {
    metadata.selectNumberingPlan(country);
    const plan = metadata.numberingPlan as Plan | undefined;
    // In its tables, the number zero means none.
    return [getCountryCallingCode(country), plan?.nationalPrefix() || undefined];
  });
  return new Map(prefixes.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * The prefixes of E.164 numbers that match the digits of a text; undefined if it has characters that numbers are not written
 * with, or fewer than four digits. `+` or `00` precedes a country code, and `(0)` after it is only dialled within the country.
 * With any other leading zero it is a national number, of any country since none is given. Stored numbers have no extensions,
 * so one is left out.
 */
export function phoneStarts(text: string): readonly string[] | undefined {
  const wide = withoutExtension(asciiDigits(text.normalize('NFKC')).replace(ANNOUNCED, ''));
  if (!AS_WRITTEN.test(wide)) return undefined;
  const written = parseIncompletePhoneNumber(wide);
  if (!/^\+?\d{4,18}$/.test(written)) return undefined;
  if (/^(\+|00)/.test(written)) return [internationalStart(wide)];
  // Only a country code is followed by a zero in brackets, so the plus sign was left out.
  if (!written.startsWith('0') && TRUNK_ZERO.test(wide)) return [internationalStart(`+${wide}`)];
  if (!written.startsWith('0')) return [`+${written}`];
  return [...TRUNK_PREFIXES].map(([code, prefix]) => {
    const isDialled = prefix !== undefined && written.startsWith(prefix);
    return `+${code}${isDialled ? written.slice(prefix.length) : written}`;
  });
}

function withoutExtension(text: string): string {
  const number = text.replace(EXTENSION, '');
  return number.replaceAll(/\D/g, '').length >= FEWEST_BEFORE_EXTENSION ? number : text;
}

/** Unicode keeps the digits of each script together, from 0 to 9. */
const asciiDigits = (text: string): string =>
  text.replaceAll(/(?![0-9])\p{Nd}/gu, (digit) => {
    const code = digit.codePointAt(0) ?? 0;
    let value = 0;
    while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value += 1;
    return String(value);
  });

/** A country code, and behind it a zero in brackets, which is only dialled within the country. */
const TRUNK_ZERO = /^([^\d]*\d[^([]*)[([]\s*0\s*[)\]](.*)$/;

function internationalStart(text: string): string {
  const whole = parsePhone(text);
  if (whole !== undefined) return whole;
  // The number is incomplete, so the library cannot parse it. Italy's numbers keep the zero when dialled from abroad.
  const [, start = '', rest = ''] = TRUNK_ZERO.exec(text) ?? [];
  const code = parseIncompletePhoneNumber(start).replace(/^(\+|00)/, '');
  const digits = TRUNK_PREFIXES.get(code)?.startsWith('0') === true ? `${start}${rest}` : text;
  return `+${parseIncompletePhoneNumber(digits).replace(/^(\+|00)/, '')}`;
}
