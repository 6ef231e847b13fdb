import type {
  DateExpression,
  PhoneExpression,
  QuantityExpression,
  DecimalExpression,
  ValueExpression,
} from './mapping-schema.ts';
import { convertDate } from './dates.ts';
import { amountReader, discountReader, quantityReader } from './numbers.ts';
import { keyLength, type FieldSpec } from './targets.ts';
import {
  convertCountry,
  convertCurrency,
  convertEmail,
  convertPhone,
  convertPhoneCountry,
  convertText,
  convertWord,
} from './values.ts';

/** Converts a cell's text to a column's value, or to the key of a referenced row. Throws RowProblem. */
export type Conversion = (text: string, country: string | null) => string;

/** Creates the conversion for a mapped field. */
export function createConversion(spec: FieldSpec, source: ValueExpression, timeZone: string): Conversion {
  switch (spec.kind) {
    case 'text':
      return (text) => convertText(text, spec);
    case 'word':
      return (text) => convertWord(text, spec.words);
    case 'reference': {
      const maxLength = keyLength(spec.target);
      return (text) => convertText(text, { maxLength });
    }
    case 'currency':
      return convertCurrency;
    case 'email':
      return convertEmail;
    case 'country':
      return convertCountry;
    case 'phoneCountry':
      return convertPhoneCountry;
    case 'amount':
      return amountReader(source as DecimalExpression);
    case 'discount':
      return discountReader(source as DecimalExpression);
    case 'quantity':
      return quantityReader(source as QuantityExpression);
    case 'date': {
      const { format, timeZone: zone = timeZone } = source as DateExpression;
      const forms = { formats: format === undefined ? [] : [format].flat(), zone };
      return (text) => convertDate(text, forms);
    }
    case 'phone':
      return (text, country) => convertPhone(text, country);
    default:
      return spec satisfies never;
  }
}

/** Names the origin of a value, as in the mapping. */
export const columnName = (source: ValueExpression | PhoneExpression): string =>
  source.column ?? source.template ?? `constant ${source.constant ?? ''}`;
