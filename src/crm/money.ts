const DIGITS = new Map<string, number>();

/** How many decimal places a currency's smallest unit has, by ISO 4217: 2 for EUR, 0 for JPY. */
export function currencyDigits(currency: string): number {
  let digits = DIGITS.get(currency);
  if (digits === undefined) {
    // Rows from elsewhere may hold anything; one of them must not cost its neighbours on the page.
    digits = /^[A-Z]{3}$/.test(currency)
      ? (new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2)
      : 2;
    DIGITS.set(currency, digits);
  }
  return digits;
}

/** An amount as the database keeps it (`18.6000`), cut to the currency's places where nothing is lost (`18.60`). */
export function money(amount: string, currency: string): { amount: string; currency: string } {
  const [whole = '0', fraction = ''] = amount.split('.');
  const digits = currencyDigits(currency);
  const kept = fraction.replace(/0+$/, '').padEnd(digits, '0');
  return { amount: kept === '' ? whole : `${whole}.${kept}`, currency };
}
