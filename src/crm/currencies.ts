import { data } from 'currency-codes';

/** Refused, since a price without a smallest unit cannot be rounded. The standard says "N.A." here; the table has zero. */
const WITHOUT_SMALLEST_UNIT = new Set('XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX'.split(' '));

/**
 * Currencies that the standard added after the table's date, up to 2026-01-01, by decimal places: XCG, which replaced ANG, and
 * XAD. BGN was withdrawn on that day; like the withdrawn ones below it remains, for older orders.
 */
const ADDED_SINCE = { 2: 'XAD XCG' } as const;

/** Withdrawn between 2010 and the table's date, with the decimal places that they had: old orders are imported and shown. */
const WITHDRAWN = { 0: 'BYR', 2: 'EEK HRK LTL LVL MRO SLL STD USS VEF ZMK ZWL' } as const;

/**
 * The number of decimal places of each currency's smallest unit, from ISO 4217's list one in the package `currency-codes`,
 * published on 2024-06-25. `Intl` has other numbers for 17 of them: those are for display.
 */
export const CURRENCY_DIGITS: ReadonlyMap<string, number> = new Map([
  ...data.filter(({ code }) => !WITHOUT_SMALLEST_UNIT.has(code)).map(({ code, digits }) => [code, digits] as const),
  ...[...Object.entries(ADDED_SINCE), ...Object.entries(WITHDRAWN)].flatMap(([digits, codes]) =>
    codes.split(' ').map((code) => [code, Number(digits)] as const),
  ),
]);
