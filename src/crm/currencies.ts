/**
 * ISO 4217's list one as published on 2024-06-25
 * (https://www.six-group.com/en/products-services/financial-information/data-standards.html), with its amendments up to
 * 2026-01-01: XCG for ANG, XAD, and BGN withdrawn. Grouped by the decimal places of the smallest unit in the standard, funds
 * included. Those with "N.A.", such as gold, special drawing rights, XTS and XXX, are left out: without a smallest unit there
 * can be no prices.
 */
const IN_USE = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  2:
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP ' +
    'COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR ' +
    'JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN ' +
    'NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL ' +
    'THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
} as const;

/** Withdrawn since 2010, with the decimal places that they had: orders from those years are imported and shown. */
const WITHDRAWN = {
  0: 'BYR',
  2: 'ANG BGN CUC EEK HRK LTL LVL MRO SLL STD VEF ZMK ZWL',
} as const;

/** The number of decimal places of each currency's smallest unit. */
export const CURRENCY_DIGITS: ReadonlyMap<string, number> = new Map(
  [...Object.entries(IN_USE), ...Object.entries(WITHDRAWN)].flatMap(([digits, codes]) =>
    codes.split(' ').map((code) => [code, Number(digits)] as const),
  ),
);
