import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js';
import { quoted, quotedAscii } from '../../errors.ts';
import { counts } from '../../crm/collation.ts';
import { isCountry } from '../../crm/countries.ts';
import { isCurrency } from '../../crm/money.ts';
import { hasExtension, parsePhone } from '../../crm/phones.ts';
import { parseEmail } from '../../crm/scalars.ts';
import { countCharacters, isOneLine, isText, isVisible, normaliseText } from '../../crm/text.ts';

/** Why a row cannot be imported; goes to the rejects file. */
export class RowProblem extends Error {
  override readonly name = 'RowProblem';
  /** The column or template that it concerns; undefined for the row as a whole. */
  readonly column: string | undefined;
  constructor(message: string, column?: string) {
    super(message);
    this.column = column;
  }
}

export interface TextForm {
  /** The most characters. */
  readonly maxLength: number;
  /** Whether it may have line breaks and tabs. */
  readonly isManyLines?: boolean;
  /** Whether it needs a character that counts where names are compared. */
  readonly isCompared?: boolean;
}

/**
 * A text of up to `maxLength` characters, counted like VARCHAR does, and in one line unless it may have many. Names need a character
 * that counts when they are compared: no search would find others. Throws RowProblem.
 */
export function convertText(given: string, { maxLength, isManyLines = false, isCompared = false }: TextForm): string {
  const text = normaliseText(given);
  if (!isManyLines && !isOneLine(text)) throw new RowProblem(`expected one line without tabs, got ${quoted(text)}`);
  const length = countCharacters(text);
  if (length > maxLength) throw new RowProblem(`expected at most ${maxLength} characters, got ${length}`);
  if (!isText(text)) throw new RowProblem('expected text, got other characters');
  if (text !== '' && !isVisible(text)) throw new RowProblem('expected text, got none that is visible');
  if (text !== '' && isCompared && !counts(text))
    throw new RowProblem(`expected text with a character that counts when names are compared, got ${quoted(text)}`);
  return text;
}

/** One of the words. Throws RowProblem. */
export function convertWord(given: string, words: readonly string[]): string {
  if (words.includes(given)) return given;
  throw new RowProblem(`expected one of ${words.join(', ')}, got ${quoted(given)}`);
}

/** An ISO 4217 code. Throws RowProblem. */
export function convertCurrency(given: string): string {
  if (isCurrency(given)) return given;
  throw new RowProblem(`expected a currency code such as "EUR", got ${quoted(given)}`);
}

/** An address in lower case. Throws RowProblem. */
export function convertEmail(given: string): string {
  const email = parseEmail(given);
  if (email !== undefined) return email;
  throw new RowProblem(`expected an email address in ASCII, got ${quotedAscii(given)}`);
}

/**
 * A telephone number in E.164. Throws RowProblem.
 * @param country ISO 3166-1 alpha-2, for numbers in national format
 */
export function convertPhone(given: string, country: string | null): string {
  const number = parsePhone(given, country === null ? undefined : inCapitals(country));
  if (number !== undefined) return number;
  if (hasExtension(given))
    throw new RowProblem(`expected a telephone number without an extension, got ${quoted(given)}`);
  const where = country === null ? 'in international form (no country is known)' : `of ${country}`;
  throw new RowProblem(`expected a telephone number ${where}, got ${quoted(given)}`);
}

/** A telephone number without its extension, which E.164 has no room for, and the extension; null if there is none. */
export function splitExtension(given: string, country: string | null): { number: string; extension: string } | null {
  const code = inCapitals(country ?? '');
  const defaultCountry = isSupportedCountry(code) ? code : undefined;
  const parsed = parsePhoneNumberFromString(given, { extract: false, ...(defaultCountry && { defaultCountry }) });
  return parsed?.ext === undefined ? null : { number: parsed.number, extension: parsed.ext };
}

/** A country whose numbering plan is known, in capitals. Throws RowProblem. */
export function convertPhoneCountry(given: string): string {
  const code = inCapitals(given);
  if (isSupportedCountry(code)) return code;
  throw new RowProblem(`expected a country code such as "DE", got ${quoted(given)}`);
}

/** ISO 3166-1 alpha-2, in capitals. Throws RowProblem. */
export function convertCountry(given: string): string {
  const code = inCapitals(given);
  if (isCountry(code)) return code;
  throw new RowProblem(`expected a country code such as "DE", got ${quoted(given)}`);
}

/** A country's code as files write it. Only ASCII, since some letters beyond it become ones of it in capitals. */
const inCapitals = (code: string): string => (/^[a-z]{2}$/i.test(code) ? code.toUpperCase() : code);
