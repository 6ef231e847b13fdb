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
const MARKS = /[\s()[\].\u00b7\u2022\u2027\u2219\u22c5\u30fb\uff65/\p{Pd}\u2212\u30fc\uff70~]/u;
const AS_WRITTEN = new RegExp(`^(?:[0-9+]|${MARKS.source})+$`, 'u');
const EVERY_MARK = new RegExp(MARKS.source, 'gu');

/** What is written before a number: the scheme of a link (RFC 3966), or its abbreviation. */
const ANNOUNCED = /^(?:tel|phone|fon)\s*[:.]+\s*(?=[+(\d])/i;

/** An extension behind a number, as a link or people write it. */
const EXTENSION = /[\s,;.]*(?:;ext=|ext(?:ension|n)?\b|x|#|durchwahl|dw\b|poste|anexo|доб)[\s.:]*\d{1,7}$/iu;
/** With fewer digits before it, what looks like an extension is not one: the number would be incomplete. */
const FEWEST_BEFORE_EXTENSION = 7;

function readPhone(given: unknown, country?: string): PhoneNumber | undefined {
  if (typeof given !== 'string' || given.length > 50) return undefined;
  // The library does not know all marks that people write, and ends a country code at a bracket.
  const text = asWritten(normaliseText(given)).replaceAll(EVERY_MARK, ' ').trim();
  const defaultCountry = country as CountryCode | undefined;
  // Given a country, the library knows its prefix for international calls.
  const number = parsePhoneNumberFromString(country === undefined ? text.replace(/^00/, '+') : text, {
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

/** Whether a text is a telephone number with an extension, which E.164 cannot express. */
export function hasExtension(given: string): boolean {
  const text = asWritten(normaliseText(given));
  const number = withoutExtension(text);
  return number !== text && AS_WRITTEN.test(number);
}

/** What the library's tables say of the numbers of a calling code. */
interface Plan {
  /** What is dialled before a national number: `0`; undefined for none. */
  readonly trunkPrefix: string | undefined;
  /** How many digits a national number may have. */
  readonly lengths: ReadonlySet<number>;
}

/** By calling code, such as `49`. */
const PLANS: ReadonlyMap<string, Plan> = plans();
/** The countries' prefixes for international calls, dialled before a country code; `00` in most. */
const ABROAD: readonly RegExp[] = internationalPrefixes();

/** The library's types leave this out. */
type LibraryPlan = NumberingPlan & { nationalPrefix(): string | 0 | undefined; possibleLengths(): number[] };

function libraryPlans(): [code: string, plan: LibraryPlan][] {
  return getCountries().map((country) => {
    const metadata = new Metadata();
    metadata.selectNumberingPlan(country);
    return [getCountryCallingCode(country), metadata.numberingPlan as LibraryPlan];
  });
}

function plans() {
  const byCode = new Map<string, Plan>();
  for (const [code, plan] of libraryPlans().toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    const lengths = new Set([...(byCode.get(code)?.lengths ?? []), ...plan.possibleLengths()]);
    // In its tables, the number zero means none.
    byCode.set(code, { trunkPrefix: plan.nationalPrefix() || undefined, lengths });
  }
  return byCode;
}

function internationalPrefixes() {
  const patterns = libraryPlans().map(([, plan]) => plan.IDDPrefix());
  return [...new Set(patterns)].map((pattern) => new RegExp(`^(?:${pattern ?? '00'})`));
}

const MAX_CALLING_CODE = 3;

/** The calling code at the start of an E.164 number, such as `49`; undefined for none. No code begins with another. */
export function callingCodeOf(number: string): string | undefined {
  if (!/^\+\d+$/.test(number)) return undefined;
  const starts = Array.from({ length: MAX_CALLING_CODE }, (_, i) => number.slice(1, i + 2));
  return starts.find((start) => PLANS.has(start));
}

/**
 * The prefixes of E.164 numbers that match the digits of a text; undefined if it has characters that numbers are not written
 * with, or fewer than four digits. `+` or `00` precedes a country code, and `(0)` after it is only dialled within the country.
 * With any other leading zero it is a national number, of any country since none is given. Other digits are the start of a
 * number with its country code, or a whole national number of any country that has such long ones. Stored numbers have no
 * extensions, so one is left out. At most two prefixes for each calling code: each is a range of the index.
 */
export function phoneStarts(text: string): readonly string[] | undefined {
  const wide = withoutExtension(asWritten(text));
  if (!AS_WRITTEN.test(wide)) return undefined;
  const written = parseIncompletePhoneNumber(wide);
  if (!/^\+?\d{4,18}$/.test(written)) return undefined;
  if (written.startsWith('+')) return [internationalStart(wide)];
  const abroad = dialledAbroad(written);
  if (written.startsWith('00')) return distinct([internationalStart(wide), ...abroad]);
  // Only a country code is followed by a zero in brackets, so the plus sign was left out.
  if (!written.startsWith('0') && TRUNK_ZERO.test(wide)) return [internationalStart(`+${wide}`)];
  if (!written.startsWith('0')) return distinct([`+${written}`, ...abroad, ...wholeNational(written)]);
  const national = [...PLANS].map(([code, { trunkPrefix }]) => `+${code}${withoutPrefix(written, trunkPrefix)}`);
  return distinct([...abroad, ...national]);
}

/** The digits of a text for which `phoneStarts` has prefixes, with the plus sign before them if it has one. */
export const writtenDigits = (text: string): string => parseIncompletePhoneNumber(withoutExtension(asWritten(text)));

/** Shorter texts are not looked up as whole national numbers: they would find too many unrelated customers. */
const FEWEST_NATIONAL = 7;

const withoutPrefix = (written: string, prefix: string | undefined): string =>
  prefix !== undefined && written.startsWith(prefix) ? written.slice(prefix.length) : written;

/** The numbers that the digits may be in each country, with what is dialled before them there or without it. */
const wholeNational = (written: string): string[] =>
  written.length < FEWEST_NATIONAL
    ? []
    : [...PLANS].flatMap(([code, { trunkPrefix, lengths }]) =>
        [written, withoutPrefix(written, trunkPrefix)]
          .filter((national) => lengths.has(national.length))
          .map((national) => `+${code}${national}`),
      );

/** The whole numbers that the digits may be when they are dialled from one country to another. */
function dialledAbroad(written: string): string[] {
  if (written.length < FEWEST_NATIONAL) return [];
  const rests = ABROAD.map((prefix) => written.replace(prefix, '')).filter((rest) => rest.length < written.length);
  return [...new Set(rests)].flatMap((rest) => parsePhone(`+${rest}`) ?? []);
}

/** Leaves out prefixes that begin with another of them. */
function distinct(starts: readonly string[]): string[] {
  const kept: string[] = [];
  for (const start of starts.toSorted()) if (!start.startsWith(kept.at(-1) ?? ' ')) kept.push(start);
  return kept;
}

/** A text with ASCII digits, in the usual width, and without a leading `tel:` or the like. */
const asWritten = (text: string): string =>
  asciiDigits(text)
    .replaceAll(/[\uff01-\uff5e]/g, (wide) => wide.normalize('NFKC'))
    .replace(ANNOUNCED, '');

function withoutExtension(text: string): string {
  const number = text.replace(EXTENSION, '');
  return number.replaceAll(/\D/g, '').length >= FEWEST_BEFORE_EXTENSION ? number : text;
}

/** Unicode keeps the digits of each script together, from 0 to 9. */
const asciiDigits = (text: string): string =>
  text.replaceAll(/(?![0-9])\p{Nd}/gu, (digit) => {
    // Mathematical digits have several sets without a gap.
    const plain = digit.normalize('NFKC');
    if (/^[0-9]$/.test(plain)) return plain;
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
  const digits = PLANS.get(code)?.trunkPrefix?.startsWith('0') === true ? `${start}${rest}` : text;
  return `+${parseIncompletePhoneNumber(digits).replace(/^(\+|00)/, '')}`;
}
