import { currencyDigits } from '../crm/money.ts';

/** Money as the tables keep it, DECIMAL(19,4): a whole number of ten-thousandths, exact. */
export type Amount = bigint & { readonly unit: 'ten-thousandth' };

const SCALE_DIGITS = 4;
const SCALE = 10_000n;
const AMOUNT_LIMIT = 10n ** 19n;

/** A whole number of ten-thousandths as an `Amount`. */
export function toAmount(tenThousandths: bigint): Amount {
  return tenThousandths as Amount;
}

/** Whether DECIMAL(19,4) can hold it. */
export function fitsAmount(amount: bigint): boolean {
  return amount > -AMOUNT_LIMIT && amount < AMOUNT_LIMIT;
}

/**
 * What a line of an order costs: `quantity * unitPrice * (1 - discount)`, rounded half away from zero to the currency's
 * smallest unit, as MySQL's ROUND does.
 * @param line `discount` is a fraction in ten-thousandths: 500n is 5 %
 */
export function lineTotal(line: { quantity: number; unitPrice: Amount; discount: bigint; currency: string }): Amount {
  const exact = BigInt(line.quantity) * line.unitPrice * (SCALE - line.discount);
  const unit = SCALE * 10n ** BigInt(SCALE_DIGITS - currencyDigits(line.currency));
  const half = exact < 0n ? -unit / 2n : unit / 2n;
  return toAmount(((exact + half) / unit) * (unit / SCALE));
}

/** `123456n` as `12.3456`, the form in which the server reads and writes DECIMAL(19,4). */
export function formatAmount(amount: bigint): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(SCALE_DIGITS + 1, '0');
  const point = digits.length - SCALE_DIGITS;
  return `${amount < 0n ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * Reads a plain decimal such as `-12.5`.
 * @returns undefined when it is not one, has more than 4 decimals that matter, or does not fit DECIMAL(19,4)
 */
export function parseAmount(text: string): Amount | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*?)0*)?$/.exec(text);
  if (match === null || !/\d/.test(text)) return undefined;
  const [, sign = '', whole = '', decimals = ''] = match;
  if (decimals.length > SCALE_DIGITS) return undefined;
  const size = BigInt(`${whole}${decimals.padEnd(SCALE_DIGITS, '0')}`);
  return fitsAmount(size) ? toAmount(sign === '-' ? -size : size) : undefined;
}
