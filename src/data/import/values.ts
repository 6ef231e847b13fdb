import { DateTime, IANAZone } from 'luxon';
import { quoted } from '../../errors.ts';
import { isCountry } from '../../crm/countries.ts';
import { formatAmount, isCurrency, parseAmount, type Amount } from '../../crm/money.ts';
import { parsePhone } from '../../crm/phones.ts';
import { parseEmail } from '../../crm/scalars.ts';
import { isText, normaliseText, shows } from '../../crm/text.ts';
import { dateTimeText } from '../sql-text.ts';

/** Why a row cannot be taken; goes to the rejects file. */
export class RowProblem extends Error {
  override readonly name = 'RowProblem';
}

// DATETIME's range, a day narrower so that no time zone leaves it.
const FIRST_MS = Date.UTC(1000, 0, 2);
const LAST_MS = Date.UTC(9999, 11, 30);

/** A text of up to `most` characters, counted as VARCHAR counts them. Throws RowProblem. */
export function convertText(given: string, most: number): string {
  const text = normaliseText(given);
  const length = text.length <= most ? text.length : Array.from(text).length;
  if (length > most) throw new RowProblem(`expected at most ${most} characters, got ${length}`);
  if (!isText(text)) throw new RowProblem('expected text, got other characters');
  if (text !== '' && !shows(text)) throw new RowProblem('expected text, got none that shows');
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

/** The forms in which a file writes dates; a date without an offset is in the zone. */
interface DateForms {
  /** Luxon's tokens; none: ISO 8601. */
  readonly formats: readonly string[];
  readonly zone: string;
}

/** Whether it is an IANA time zone. */
export function isTimeZone(zone: string): boolean {
  return IANAZone.isValidZone(zone);
}

/** A moment as DATETIME(3) text in UTC. Throws RowProblem. */
export function convertDate(given: string, forms: DateForms): string {
  const { zone } = forms;
  const readings =
    forms.formats.length === 0
      ? [DateTime.fromISO(given, { zone })]
      : forms.formats.map((format) => DateTime.fromFormat(given, format, { zone, locale: 'en' }));
  const moment = readings.find((reading) => reading.isValid)?.toMillis();
  if (moment !== undefined && moment >= FIRST_MS && moment <= LAST_MS) return dateTimeText(moment);
  const expected = forms.formats.length === 0 ? 'in ISO 8601' : `as ${forms.formats.join(' or ')}`;
  throw new RowProblem(`expected a date ${expected}, got ${quoted(given)}`);
}

/** How a file writes decimals. */
interface DecimalForm {
  readonly decimalPoint: '.' | ',';
  /** Between thousands; empty for none. */
  readonly grouping: string;
  readonly percent: boolean;
}

/** An exact decimal of up to 4 places. Throws RowProblem. */
function convertDecimal(given: string, form: DecimalForm): Amount {
  const { decimalPoint, grouping } = form;
  const [whole = '', ...decimals] = given.replace(/\s*%$/, form.percent ? '' : '$&').split(decimalPoint);
  const isGrouped = grouping !== '' && whole.includes(grouping);
  const [lead = '', ...groups] = isGrouped ? whole.split(grouping) : [whole];
  const isWellGrouped = /^[+-]?\d{1,3}$/.test(lead) && groups.every((group) => /^\d{3}$/.test(group));
  const plain = [isGrouped && isWellGrouped ? [lead, ...groups].join('') : whole, ...decimals].join('.');
  const percentPlaces = form.percent ? /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(plain) : null;
  const amount = parseAmount(percentPlaces === null ? plain : hundredth(percentPlaces));
  if (amount !== undefined) return amount;
  const example = decimalPoint === ',' ? `1${grouping}234,5` : `1${grouping}234.5`;
  throw new RowProblem(
    `expected a number such as "${example}" with at most 15 digits before and 4 after the point, got ${quoted(given)}`,
  );
}

/** The number a hundredth as large, by moving the point. */
function hundredth([, sign = '', whole = '', decimals = '']: RegExpExecArray): string {
  if (whole + decimals === '') return '';
  const digits = whole.padStart(3, '0');
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}${decimals}`;
}

/** A price or total as DECIMAL(19,4) text. Throws RowProblem. */
export function convertAmount(given: string, form: DecimalForm): string {
  return formatAmount(convertDecimal(given, form));
}

/** A discount as a fraction from 0 to 1. Throws RowProblem. */
export function convertDiscount(given: string, form: DecimalForm): string {
  const fraction = convertDecimal(given, form);
  if (fraction >= 0n && fraction <= 10_000n) return formatAmount(fraction);
  throw new RowProblem(`expected a discount from 0 to ${form.percent ? '100 %' : '1'}, got ${quoted(given)}`);
}

/** How many of a product; at least one. Throws RowProblem. */
export function convertQuantity(given: string): number {
  const quantity = /^\d{1,10}(?:\.0+)?$/.test(given) ? Number(given) : 0;
  if (quantity >= 1 && quantity <= 2_147_483_647) return quantity;
  throw new RowProblem(`expected a whole number from 1 to 2147483647, got ${quoted(given)}`);
}

/** An address in lower case. Throws RowProblem. */
export function convertEmail(given: string): string {
  const email = parseEmail(given);
  if (email !== undefined) return email;
  throw new RowProblem(`expected an email address, got ${quoted(given)}`);
}

/**
 * A telephone number in E.164. Throws RowProblem.
 * @param country ISO 3166-1 alpha-2, for numbers in national form
 */
export function convertPhone(given: string, country: string | null): string {
  const number = parsePhone(given, country ?? undefined);
  if (number !== undefined) return number;
  const where = country === null ? 'in international form (no country is known)' : `of ${country}`;
  throw new RowProblem(`expected a telephone number ${where}, got ${quoted(given)}`);
}

/** ISO 3166-1 alpha-2, in capitals. Throws RowProblem. */
export function convertCountry(given: string): string {
  const code = given.toUpperCase();
  if (isCountry(code)) return code;
  throw new RowProblem(`expected a country code such as "DE", got ${quoted(given)}`);
}
