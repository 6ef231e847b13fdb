import type { AddressInput, CustomerStatus, PhoneInput } from '../../generated/graphql.ts';
import type { Maybe } from '../../given.ts';
import { counts, foldCase } from '../collation.ts';
import { isCountry } from '../countries.ts';
import { parseGlobalId } from '../global-id.ts';
import { ifMask, MASK } from '../masks.ts';
import { hasExtension, parsePhone } from '../phones.ts';
import { parseEmail } from '../scalars.ts';
import { isVisible, parseOptionalText, parseText } from '../text.ts';
import { quoted, quotedAscii } from '../../errors.ts';
import type { Problems } from '../user-errors.ts';
import { ADDRESS_LENGTHS, CUSTOMER_LENGTHS } from './lengths.ts';
import { MAX_ADDRESSES, MAX_TAGS } from './table.ts';

const EXPECTED_COUNTRY = 'Expected the ISO 3166-1 alpha-2 code of a country, such as "DE"';

/** The writable fields of a customer, as stored. Fields that were not given are absent. */
export interface CustomerValues {
  externalId?: string | null;
  name?: string;
  email?: string | null;
  phone?: string | null;
  company?: string | null;
  status?: CustomerStatus;
  ownerId?: bigint | null;
}

export interface CustomerFields {
  readonly externalId?: Maybe<string>;
  readonly name?: Maybe<string>;
  readonly email?: Maybe<string>;
  readonly phone?: Maybe<PhoneInput>;
  readonly company?: Maybe<string>;
  readonly status?: Maybe<CustomerStatus>;
  readonly ownerId?: Maybe<string>;
}

/** Validates and normalises the given fields; null clears a nullable column. Adds to `problems`. */
export function parseCustomerFields(input: CustomerFields, problems: Problems): CustomerValues {
  const values: CustomerValues = {};
  const text = (field: 'externalId' | 'company' | 'name', isEnough = isVisible) =>
    parseOptionalText(input[field], { path: [field], maxLength: CUSTOMER_LENGTHS[field], problems, isEnough });
  if (input.externalId !== undefined) values.externalId = text('externalId');
  // No search would find a name without any character that counts.
  if (input.company !== undefined) values.company = text('company', counts);
  if (input.name !== undefined) {
    const name = text('name', counts);
    if (name !== null) values.name = name;
    else if (input.name === null) problems.add('INVALID_INPUT', ['name'], 'Expected a name, got null.');
  }
  if (input.email !== undefined) {
    const email = input.email === null ? null : parseEmail(input.email);
    if (email === undefined)
      problems.add(
        'INVALID_EMAIL',
        ['email'],
        `Expected an email address in ASCII, got ${ifMask(input.email)}${quotedAscii(input.email)}.`,
      );
    else values.email = email;
  }
  if (input.phone !== undefined) values.phone = phoneOf(input.phone, problems);
  if (input.status === null) problems.add('INVALID_INPUT', ['status'], 'Expected a status, got null.');
  else if (input.status !== undefined) values.status = input.status;
  if (input.ownerId !== undefined) {
    const owner = input.ownerId === null ? null : parseGlobalId(input.ownerId);
    if (owner === null) values.ownerId = null;
    else if (owner?.type === 'Agent') values.ownerId = BigInt(owner.id);
    else problems.add('NOT_FOUND', ['ownerId'], `Expected the id of an Agent, got ${quoted(input.ownerId)}.`);
  }
  return values;
}

function phoneOf(phone: PhoneInput | null, problems: Problems): string | null {
  if (phone === null) return null;
  const country = phone.country ?? undefined;
  const number = parsePhone(phone.number, country);
  if (number !== undefined) return number;
  if (country !== undefined && !isCountry(country)) {
    problems.add('INVALID_PHONE', ['phone', 'country'], `${EXPECTED_COUNTRY}, got ${quoted(country)}.`);
    return null;
  }
  if (hasExtension(phone.number)) {
    const message = `Expected a telephone number without an extension, got ${quoted(phone.number)}.`;
    problems.add('INVALID_PHONE', ['phone', 'number'], message);
    return null;
  }
  const where = country !== undefined ? ` of ${country}` : ', in international form or with its country';
  problems.add(
    'INVALID_PHONE',
    ['phone', 'number'],
    `Expected a telephone number${where}, got ${ifMask(phone.number)}${quoted(phone.number)}.`,
  );
  return null;
}

/**
 * Trims tags and removes duplicates, ignoring case as the database does.
 * @param isEnough whether a tag has enough content; by default, whether a filter can find it
 */
export function parseTags(given: Maybe<readonly string[]>, problems: Problems, isEnough = counts): string[] {
  const tags = new Map<string, string>();
  for (const [i, tag] of (given ?? []).entries()) {
    const text = parseText(tag, { path: ['tags', i], maxLength: CUSTOMER_LENGTHS.tag, problems, isEnough });
    const key = text === null ? '' : foldCase(text);
    if (text !== null && !tags.has(key)) tags.set(key, text);
  }
  if (tags.size > MAX_TAGS)
    problems.add('INVALID_INPUT', ['tags'], `Expected at most ${MAX_TAGS} tags, got ${tags.size}.`);
  return [...tags.values()];
}

/** Addresses as stored, numbered from 0. */
export function parseAddresses(given: Maybe<readonly AddressInput[]>, problems: Problems) {
  const addresses = given ?? [];
  if (addresses.length > MAX_ADDRESSES)
    problems.add(
      'INVALID_INPUT',
      ['addresses'],
      `Expected at most ${MAX_ADDRESSES} addresses, got ${addresses.length}.`,
    );
  return addresses.map((address, position) => {
    const part = (name: keyof typeof ADDRESS_LENGTHS) => {
      const path = ['addresses', position, name];
      // Whoever reads addresses masked, changes one and sends them all back would otherwise lose them.
      if (address[name]?.trim() === MASK)
        problems.add('INVALID_INPUT', path, `Expected a part of an address, got the mask ${quoted(MASK)}.`);
      return parseOptionalText(address[name], { path, maxLength: ADDRESS_LENGTHS[name], problems });
    };
    const country = address.country ?? null;
    if (country !== null && !isCountry(country))
      problems.add('INVALID_INPUT', ['addresses', position, 'country'], `${EXPECTED_COUNTRY}, got ${quoted(country)}.`);
    return {
      position,
      label: part('label'),
      line1: part('line1') ?? '',
      line2: part('line2'),
      city: part('city'),
      region: part('region'),
      postalCode: part('postalCode'),
      country,
    };
  });
}
