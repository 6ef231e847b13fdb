import { GraphQLError, GraphQLScalarType, Kind, print, type ValueNode } from 'graphql';
import { isDayOfCalendar } from '../calendar.ts';
import { quotedAscii, shortened, type ErrorCode } from '../errors.ts';
import { ifMask } from './masks.ts';
import { parseSoughtPhone } from './phones.ts';

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt](?!24)\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;
const EMAIL =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

/** Normalises a time to `2026-11-23T09:30:00.000Z`; undefined unless it is in RFC 3339 and in the years 1000 to 9999. */
function parseDateTime(given: unknown): string | undefined {
  if (typeof given !== 'string' || !RFC_3339.test(given)) return undefined;
  const text = given.toUpperCase();
  const dateTime = new Date(text);
  const year = dateTime.getUTCFullYear();
  return isDayOfCalendar(text) && year >= 1000 && year <= 9999 ? dateTime.toISOString() : undefined;
}

/** An email address in lower case; undefined if it is invalid (by HTML's rule) or longer than 254 characters. */
export function parseEmail(given: unknown): string | undefined {
  if (typeof given !== 'string') return undefined;
  const email = given.trim();
  // Lower-cased only after matching: otherwise the Kelvin sign would become a k, and the address somebody else's.
  return email.length <= 254 && EMAIL.test(email) ? email.toLowerCase() : undefined;
}

const matching = (pattern: RegExp) => (given: unknown) =>
  typeof given === 'string' && pattern.test(given) ? given : undefined;

const matchingDecimal = matching(/^-?\d{1,15}(\.\d{1,4})?$/);

const parseDecimal = (given: unknown) => matchingDecimal(Number.isSafeInteger(given) ? String(given) : given);

const DATE_TIME =
  'an RFC 3339 date and time such as "2026-11-23T09:30:00Z" in the years 1000 to 9999, without leap seconds';
const DECIMAL = 'a decimal number such as "19.90" with at most 15 digits before and 4 after the point';

/** The resolvers of the schema's scalars. Rows already have values in output form, so output is not converted. */
export const scalarResolvers = {
  DateTime: scalar('DateTime', DATE_TIME, parseDateTime),
  Decimal: scalar('Decimal', DECIMAL, parseDecimal),
  CurrencyCode: scalar('CurrencyCode', 'an ISO 4217 code such as "EUR"', matching(/^[A-Z]{3}$/)),
  CountryCode: scalar('CountryCode', 'the ISO 3166-1 alpha-2 code of a country, such as "DE"', matching(/^[A-Z]{2}$/)),
  EmailAddress: scalar('EmailAddress', 'an email address in ASCII such as "ada@example.com"', parseEmail),
  PhoneNumber: scalar('PhoneNumber', 'an E.164 number such as "+4930123456"', parseSoughtPhone),
};

function scalar(name: string, expected: string, parse: (given: unknown) => string | undefined) {
  const coerce = (given: unknown, node?: ValueNode): string => {
    const value = parse(given);
    if (value !== undefined) return value;
    // graphql-js passes its own kind of error on unchanged, so the location in the document must be added here.
    throw new GraphQLError(`Expected ${expected}, got ${shown(given, node)}.`, {
      nodes: node ?? null,
      extensions: { code: 'BAD_USER_INPUT' satisfies ErrorCode },
    });
  };
  return new GraphQLScalarType<string, string>({
    name,
    serialize: String,
    parseValue: (given: unknown) => coerce(given),
    parseLiteral: (node: ValueNode) => coerce(literalValue(node), node),
  });
}

/** A literal as it is written in the document, unless it is a string. */
const shown = (given: unknown, node: ValueNode | undefined): string =>
  node === undefined || node.kind === Kind.STRING ? `${ifMask(given)}${quotedAscii(given)}` : shortened(print(node));

function literalValue(node: ValueNode): unknown {
  if (node.kind === Kind.STRING) return node.value;
  return node.kind === Kind.INT ? Number(node.value) : undefined;
}
