import { CURRENCY_DIGITS } from './currencies.ts';

/** Whether it is the ISO 4217 code of a currency with a smallest unit that is in use, or was in 2010. */
export const isCurrency = (code: string): boolean => CURRENCY_DIGITS.has(code);

/** The number of decimal places of a currency's smallest unit by ISO 4217: 2 for EUR, 0 for JPY. */
// Rows that other programs wrote may hold any code, and one such row must not fail the rest of its page.
const currencyDigits = (currency: string): number => CURRENCY_DIGITS.get(currency) ?? 2;

/** An amount as stored (`18.6000`), cut to the currency's decimal places if that is lossless (`18.60`). */
export function money(amount: string, currency: string): { amount: string; currency: string } {
  const [whole = '0', fraction = ''] = amount.split('.');
  const digits = currencyDigits(currency);
  const kept = fraction.replace(/0+$/, '').padEnd(digits, '0');
  return { amount: kept === '' ? whole : `${whole}.${kept}`, currency };
}

/** Money as stored in DECIMAL(19,4): an exact whole number of ten-thousandths. */
export type Amount = bigint & { readonly unit: 'ten-thousandth' };

const SCALE_DIGITS = 4;
/** How many ten-thousandths make a whole. */
export const SCALE = 10_000n;
const AMOUNT_LIMIT = 10n ** 19n;

/** Describes what is wrong with an amount that has more decimals than its currency, so that nobody can pay it; or undefined. */
export function problemOfPlaces(amount: string, currency: string): string | undefined {
  const digits = currencyDigits(currency);
  const decimals = amount.split('.')[1]?.replace(/0+$/, '') ?? '';
  if (decimals.length <= digits) return undefined;
  return `expected at most ${digits} decimals, which ${currency} has, got ${amount}`;
}

/** The largest amount, for messages. */
export const MAX_AMOUNT = formatAmount(AMOUNT_LIMIT - 1n);

export function toAmount(tenThousandths: bigint): Amount {
  return tenThousandths as Amount;
}

/** Whether an amount fits into DECIMAL(19,4). */
export function fitsAmount(amount: bigint): boolean {
  return amount > -AMOUNT_LIMIT && amount < AMOUNT_LIMIT;
}

/**
 * The total of an order's item: `quantity * unitPrice * (1 - discount)`, rounded half away from zero to the currency's smallest
 * unit, like MySQL's ROUND.
 * @param item `discount` is a fraction in ten-thousandths: 500n is 5 %
 */
export function itemTotal(item: { quantity: number; unitPrice: Amount; discount: bigint; currency: string }): Amount {
  const exact = BigInt(item.quantity) * item.unitPrice * (SCALE - item.discount);
  const unit = SCALE * 10n ** BigInt(SCALE_DIGITS - currencyDigits(item.currency));
  const half = exact < 0n ? -unit / 2n : unit / 2n;
  return toAmount(((exact + half) / unit) * (unit / SCALE));
}

/** `123456n` as `12.3456`, the server's text form of DECIMAL(19,4). */
export function formatAmount(amount: bigint): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(SCALE_DIGITS + 1, '0');
  const point = digits.length - SCALE_DIGITS;
  return `${amount < 0n ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * Parses a plain decimal such as `-12.5`.
 * @returns undefined when it is not one, has more than 4 significant decimals, or does not fit DECIMAL(19,4)
 */
export function parseAmount(text: string): Amount | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*?)0*)?$/.exec(text);
  if (match === null || !/\d/.test(text)) return undefined;
  const [, sign = '', whole = '', decimals = ''] = match;
  if (decimals.length > SCALE_DIGITS) return undefined;
  const size = BigInt(`${whole}${decimals.padEnd(SCALE_DIGITS, '0')}`);
  return fitsAmount(size) ? toAmount(sign === '-' ? -size : size) : undefined;
}
