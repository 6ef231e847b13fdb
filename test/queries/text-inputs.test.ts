import { describe, expect, jest, test } from '@jest/globals';
import {
  buildSchema,
  defaultFieldResolver,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  isObjectType,
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLResolveInfo,
} from 'graphql';
import { array, assert, constantFrom, property, string } from 'fast-check';
import { createSchema, SDL } from '../../src/graphql/schema.ts';
import { normaliseTextInputs } from '../../src/graphql/text-inputs.ts';
import { isText, normaliseText } from '../../src/crm/text.ts';

const GIVEN = 'Ame\u0301lie\u200b';
const NORMALISED = 'Amélie';
/** Fields whose texts are not normalised, and why. */
const AS_THEY_ARE: Readonly<Record<string, string>> = {
  'CreateCustomerInput.email': 'an email of other characters must not become one of ASCII',
  'UpdateCustomerInput.email': 'the same',
  idempotencyKey: 'it is the sender’s own',
};

type Place = GraphQLArgument | GraphQLInputField;

/** A value for an input in which each String is `text`, unless its field is not normalised. */
function valueOf(type: GraphQLInputType, text: string, asItIs = false): unknown {
  const nullable = getNullableType(type);
  if (isListType(nullable)) return [valueOf(nullable.ofType, text, asItIs)];
  if (isInputObjectType(nullable))
    return Object.fromEntries(
      Object.values(nullable.getFields()).map((field) => [field.name, placeValue(nullable.name, field, text)]),
    );
  return nullable.name === 'String' ? (asItIs ? GIVEN : text) : nullable.name;
}

const placeValue = (owner: string, { name, type }: Place, text: string): unknown =>
  valueOf(type, text, `${owner}.${name}` in AS_THEY_ARE || name in AS_THEY_ARE);

function hasString(type: GraphQLInputType): boolean {
  const named = getNamedType(type);
  if (isInputObjectType(named)) return Object.values(named.getFields()).some((field) => hasString(field.type));
  return named.name === 'String';
}

const fieldsOf = (schema: ReturnType<typeof buildSchema>) =>
  Object.values(schema.getTypeMap())
    .filter((type) => isObjectType(type) && !type.name.startsWith('__'))
    .flatMap((type) => (isObjectType(type) ? Object.values(type.getFields()).map((field) => ({ type, field })) : []))
    .filter(({ field }) => field.args.some((arg) => hasString(arg.type)));

describe('every incoming text of the schema', () => {
  const info = {} as GraphQLResolveInfo;

  test('is normalised before a resolver sees it, in each argument and each input field', () => {
    const schema = buildSchema(SDL);
    const seen: unknown[] = [];
    for (const { field } of fieldsOf(schema)) field.resolve = (_, args) => seen.push(args);
    normaliseTextInputs(schema);
    const fields = fieldsOf(schema);
    for (const { type, field } of fields) {
      const args = (text: string) =>
        Object.fromEntries(field.args.map((arg) => [arg.name, placeValue(`${type.name}.${field.name}`, arg, text)]));
      const given = args(GIVEN);
      field.resolve?.({}, given, {}, info);
      expect({ name: `${type.name}.${field.name}`, args: seen.pop() }).toEqual({
        name: `${type.name}.${field.name}`,
        args: args(NORMALISED),
      });
      // Values that a plan keeps between requests must not be modified.
      expect(given).toEqual(args(GIVEN));
    }
    expect(fields.length).toBeGreaterThan(25);
  });

  test('is an argument of a resolver of our own', () => {
    for (const { type, field } of fieldsOf(createSchema()))
      expect({
        field: `${type.name}.${field.name}`,
        isOwn: ![undefined, defaultFieldResolver].includes(field.resolve),
      }).toEqual({ field: `${type.name}.${field.name}`, isOwn: true });
  });
});

describe('normalisation', () => {
  test.each([
    ['a letter and its accent', 'e\u0301', 'é'],
    ['a zero-width space between them', 'e\u200b\u0301', 'é'],
    ['jamo', '\u1112\u1161\u11ab', '한'],
    ['the angstrom sign', '\u212bngstro\u0308m', 'Ångström'],
    ['direction marks around a number', '\u202a+49 30 123456\u202c', '+49 30 123456'],
    ['a byte order mark', '\ufeffAda', 'Ada'],
    ['a soft hyphen', 'Schiff\u00adfahrt', 'Schifffahrt'],
    ['a joiner at the end of a word', 'Ada\u200d Lovelace\u200c', 'Ada Lovelace'],
    ['consecutive joiners', 'می\u200c\u200cخواهم', 'می\u200cخواهم'],
    ['a tag without a flag', 'Ada\u{e0041}', 'Ada'],
    ['jamo fillers', 'S\u115f\u1160K', 'SK'],
    ['Khmer vowels that nobody writes', 'ក\u17b4\u17b5', 'ក'],
    ['shorthand format controls', 'a\u{1bca0}\u{1bca3}', 'a'],
    ['a Thai vowel typed as two characters', 'ก\u0e4d\u0e32แพง', 'ก\u0e33แพง'],
    [
      'the same with a tone mark, in either order',
      'น\u0e4d\u0e49\u0e32 น\u0e49\u0e4d\u0e32',
      'น\u0e49\u0e33 น\u0e49\u0e33',
    ],
    ['the same vowel of Lao', 'ນ\u0ecd\u0ec9\u0eb2', 'ນ\u0ec9\u0eb3'],
    ['line and paragraph separators', 'a\u2028b\u2029c', 'a\nb\nc'],
    ['a variation selector without a character that it varies', '\ufe0fAda \ufe0fL', 'Ada L'],
  ])('removes or composes what has no meaning of its own: %s', (_, given, expected) => {
    expect(normaliseText(given)).toBe(expected);
  });

  test.each([
    ['a non-joiner in a Persian word', 'می\u200cخواهم'],
    ['a joiner behind a virama', 'ന്\u200d'],
    ['a joiner that shapes an Arabic letter at the end of a word', '1447 ه\u200d (ه\u064e\u200d)'],
    ['a joiner that shapes a letter of Syriac or N’Ko', 'ܒ\u200d ߞ\u200d'],
    ['an emoji made of several', '👩🏽\u200d💻 👩\u200d👩\u200d👧\u200d👦 ❤\ufe0f\u200d🔥'],
    ['a flag made of tags', '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}'],
    ['a variant of an ideograph', '葛\u{e0100}飾'],
    ['line breaks', 'one\r\n\ttwo'],
  ])('keeps what has a meaning: %s', (_, given) => {
    expect(normaliseText(given)).toBe(given);
  });

  test('is idempotent, and makes equal texts the same', () => {
    assert(
      property(string({ unit: 'binary', maxLength: 40 }), (given) => {
        const once = normaliseText(given);
        expect(normaliseText(once)).toBe(once);
        expect(once.normalize('NFC')).toBe(once);
        expect(normaliseText(given.normalize('NFD'))).toBe(once);
      }),
      { numRuns: 5_000 },
    );
    const marks = [
      'e',
      '\u0301',
      '\u200d',
      '\u200c',
      '\ufe0f',
      '\u200b',
      '👩',
      '\u{e0041}',
      '🏴',
      '\u094d',
      'ه',
      '\u064e',
      'क',
      ' ',
      '\u0e4d',
      '\u0e49',
      '\u0e32',
    ];
    assert(
      property(array(constantFrom(...marks), { maxLength: 8 }), (pieces) => {
        const once = normaliseText(pieces.join(''));
        expect(normaliseText(once)).toBe(once);
        expect(normaliseText(pieces.join('').normalize('NFD'))).toBe(once);
      }),
      { numRuns: 5_000 },
    );
  });

  test('is left as it is, and is no text, when a character has endless marks: putting them in order takes quadratic time', () => {
    const ordered = jest.spyOn(String.prototype, 'normalize');
    try {
      for (const between of ['', '\u200b', '\u034f']) {
        // The marks belong in another order, and what is between them is removed.
        const marks = `a${`\u0315\u0316${between}`.repeat(500)}`;
        expect(normaliseText(marks)).toBe(marks.replaceAll(between, ''));
        expect(isText(normaliseText(marks))).toBe(false);
      }
      expect(ordered).not.toHaveBeenCalled();
    } finally {
      ordered.mockRestore();
    }
    const many = `a${'\u0315\u0316'.repeat(15)}`;
    expect(normaliseText(many)).toBe(many.normalize('NFC'));
    expect(isText(normaliseText(many))).toBe(true);
  });

  test.each(['a\0b', 'a\u0007', '\u0085', '\ud83d', '\ufffe', '\u{1ffff}'])('cannot make text of %j', (given) => {
    expect(isText(given)).toBe(false);
  });
});
