import { quoted } from '../../errors.ts';
import { formatAmount, parseAmount, SCALE, toAmount, type Amount } from '../../crm/money.ts';
import { RowProblem } from './values.ts';

/** How a file writes decimals. */
export interface DecimalForm {
  readonly decimalPoint: '.' | ',';
  /** The thousands separator; empty for none. */
  readonly grouping: string;
  /** Indian: the last three digits, then groups of two. */
  readonly groupSizes: 'thousands' | 'indian';
  readonly percent: boolean;
  /** Such as a currency sign, before or after the number; empty for none. */
  readonly symbol: string;
  readonly negative: 'leading' | 'trailing' | 'parentheses';
  /** Inverts the sign, for a discount that a file writes as a positive amount. */
  readonly negate: boolean;
}

/** How a file writes quantities. */
export interface QuantityForm extends DecimalForm {
  /** Whether a negative quantity is a return, stored with a negative price, or an error. */
  readonly returns: 'reject' | 'negativePrice';
  /** Whether `2.5` is stored as one at two and a half times the price, or is an error. */
  readonly fractions: 'reject' | 'one';
}

type Read<Value> = (given: string) => Value;

// The column's maximum. `createOrder` accepts less, but old data is imported as it is.
const MAX_OF_ONE = 2_147_483_647n;

/** What is inconsistent in a form; undefined if nothing is. */
export function problemOfForm(form: DecimalForm): string | undefined {
  const { decimalPoint, grouping, symbol, groupSizes } = form;
  if (grouping === decimalPoint) return `grouping: expected a character other than the decimal point "${decimalPoint}"`;
  if (/[\p{L}\d+()%-]/u.test(grouping))
    return `grouping: expected no letter, digit, sign or bracket, got "${grouping}"`;
  if (/[\d+()-]/.test(symbol) || symbol.trim() !== symbol)
    return `symbol: expected no digit, sign, bracket or blank, got "${symbol}"`;
  if (symbol !== '' && [...symbol].every((character) => character === decimalPoint || character === grouping))
    return `symbol: expected something other than the decimal point or the thousands separator, got "${symbol}"`;
  if (groupSizes === 'indian' && grouping === '') return 'groupSizes: expected grouping to be set as well, got none';
  return undefined;
}

/**
 * Creates a reader of exact decimals of up to 4 places. The whole cell must match the form, since anything that is merely
 * similar would be read as a different number.
 * @returns a reader that throws RowProblem
 */
function decimalReader(form: DecimalForm): Read<Amount> {
  const pattern = patternOf(form);
  return (given) => {
    const { rest, isNegative } = withoutSign(given, form);
    const parts = pattern.exec(rest)?.groups;
    const whole = (parts?.['whole'] ?? '').replaceAll(/\D/g, '');
    const decimals = parts?.['decimals'] ?? parts?.['only'] ?? '';
    const plain = form.percent ? hundredth(whole, decimals) : `${whole}.${decimals}`;
    const amount: bigint | undefined = parts === undefined ? undefined : parseAmount(plain);
    if (amount !== undefined) return toAmount(isNegative === form.negate ? amount : -amount);
    const example = `1${form.grouping}234${form.decimalPoint}5`;
    throw new RowProblem(
      `expected a number such as "${example}" with at most 15 digits before and 4 after the point, got ${quoted(given)}`,
    );
  };
}

/** Matches a number without its sign and symbol. */
function patternOf({ decimalPoint, grouping, groupSizes, percent }: DecimalForm): RegExp {
  const point = RegExp.escape(decimalPoint);
  const between = RegExp.escape(grouping);
  // A number in groups does not start with 0: in a file that groups with points, "0.500" is a half and not five hundred.
  const grouped =
    groupSizes === 'indian' ? `[1-9]\\d?(?:${between}\\d{2})*${between}\\d{3}` : `[1-9]\\d{0,2}(?:${between}\\d{3})+`;
  const whole = between === '' ? '\\d+' : `\\d+|${grouped}`;
  const number = `(?:(?<whole>${whole})(?:${point}(?<decimals>\\d+))?|${point}(?<only>\\d+))`;
  return new RegExp(`^${number}${percent ? '(?:\\s?%)?' : ''}$`);
}

const SIGNS = {
  leading: /^(?<sign>[+-])(?<rest>.+)$/,
  trailing: /^(?<rest>.+)(?<sign>-)$/,
  parentheses: /^(?<sign>\()(?<rest>.+)\)$/,
} as const;

/** The sign may be on either side of the symbol: both `-$12` and `$-12` are in use. */
function withoutSign(given: string, form: DecimalForm): { rest: string; isNegative: boolean } {
  const signed = SIGNS[form.negative].exec(given)?.groups;
  const bare = withoutSymbol(signed?.['rest'] ?? given, form.symbol);
  const within = signed === undefined && bare !== given ? SIGNS[form.negative].exec(bare)?.groups : undefined;
  const sign = signed?.['sign'] ?? within?.['sign'] ?? '+';
  return { rest: within?.['rest'] ?? bare, isNegative: sign !== '+' };
}

function withoutSymbol(text: string, symbol: string): string {
  if (symbol === '') return text;
  if (text.startsWith(symbol)) return text.slice(symbol.length).replace(/^\s/, '');
  return text.endsWith(symbol) ? text.slice(0, -symbol.length).replace(/\s$/, '') : text;
}

const sizeOf = (amount: bigint): bigint => (amount < 0n ? -amount : amount);

/** Divides by a hundred by moving the decimal point. */
function hundredth(whole: string, decimals: string): string {
  const digits = whole.padStart(3, '0');
  return `${digits.slice(0, -2)}.${digits.slice(-2)}${decimals}`;
}

/** Creates a reader of prices and totals as DECIMAL(19,4) text. The reader throws RowProblem. */
export function amountReader(form: DecimalForm): Read<string> {
  const read = decimalReader(form);
  return (given) => formatAmount(read(given));
}

/** Creates a reader of discounts as fractions from 0 to 1. The reader throws RowProblem. */
export function discountReader(form: DecimalForm): Read<string> {
  const read = decimalReader(form);
  return (given) => {
    const fraction = read(given);
    if (fraction >= 0n && fraction <= SCALE) return formatAmount(fraction);
    throw new RowProblem(`expected a discount from 0 to ${form.percent ? '100 %' : '1'}, got ${quoted(given)}`);
  };
}

/** Creates a reader of quantities, as decimals for `priced`. The reader throws RowProblem. */
export function quantityReader(form: QuantityForm): Read<string> {
  const read = decimalReader(form);
  return (given) => {
    const quantity = read(given);
    const size = sizeOf(quantity);
    const hasSign = quantity >= 0n || form.returns === 'negativePrice';
    const isWhole = size % SCALE === 0n || form.fractions === 'one';
    if (hasSign && isWhole && size > 0n && size <= MAX_OF_ONE * SCALE) return formatAmount(quantity);
    const what = form.fractions === 'one' ? 'number above 0, at most' : 'whole number from 1 to';
    throw new RowProblem(
      `expected a ${what} ${MAX_OF_ONE}${form.returns === 'reject' ? '' : ', or its negative'}, got ${quoted(given)}`,
    );
  };
}

/**
 * Converts a quantity and a price to what the tables can hold: a return has a negative price, and a fraction becomes one at the
 * fraction's price, rounded half away from zero to the ten-thousandth. Throws RowProblem.
 */
export function priced(quantity: string, unitPrice: string): { quantity: number; price: { unitPrice: string } } {
  const count: bigint = parseAmount(quantity) ?? 0n;
  const price: bigint = parseAmount(unitPrice) ?? 0n;
  const size = sizeOf(count);
  const signed = count < 0n ? -price : price;
  if (size % SCALE === 0n) return { quantity: pieces(quantity), price: { unitPrice: formatAmount(toAmount(signed)) } };
  const exact = size * signed;
  const part = formatAmount(toAmount((exact + (exact < 0n ? -SCALE : SCALE) / 2n) / SCALE));
  if (parseAmount(part) === undefined) throw new RowProblem('the price of the part has more than 15 digits');
  return { quantity: 1, price: { unitPrice: part } };
}

/** The stored number of pieces; a quantity's sign and fraction are part of the price. */
export function pieces(quantity: string): number {
  const size = sizeOf(parseAmount(quantity) ?? 0n);
  return size % SCALE === 0n ? Number(size / SCALE) : 1;
}

/**
 * The unit price, to the nearest ten-thousandth, for an item's total.
 * @returns undefined when there is none because nothing is left after the discount
 */
export function unitPriceOf(item: { total: bigint; quantity: number; discount: bigint }): Amount | undefined {
  const parts = BigInt(item.quantity) * (SCALE - item.discount);
  if (parts === 0n) return item.total === 0n ? toAmount(0n) : undefined;
  const exact = item.total * SCALE * 2n;
  return toAmount((exact + (exact < 0n ? -parts : parts)) / (parts * 2n));
}
