import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  type GraphQLArgument,
  type GraphQLEnumValue,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import { SCOPES } from '../../src/access/caller.ts';
import { documentFor, pathsFromQuery, type SchemaPath } from '../support/schema-paths.ts';

/** Every set of scopes that a caller may have. */
export const SCOPE_SETS: readonly (readonly string[])[] = Array.from({ length: 2 ** SCOPES.length }, (_, number) =>
  SCOPES.filter((__, i) => Math.floor(number / 2 ** i) % 2 === 1),
);

/** Valid values of scalars that not every text is one of. */
const LITERALS: Readonly<Record<string, string>> = {
  Int: '1',
  Boolean: 'true',
  CountryCode: '"DE"',
  CurrencyCode: '"EUR"',
  DateTime: '"2024-01-01T00:00:00Z"',
  EmailAddress: '"a@b.example"',
  PhoneNumber: '"+4930123456"',
};

const literalOf = (type: GraphQLInputType): string => {
  if (isNonNullType(type)) return literalOf(type.ofType);
  if (isListType(type)) return `[${literalOf(type.ofType)}]`;
  if (isEnumType(type)) return type.getValues()[0]?.name ?? '';
  if (!isInputObjectType(type)) return LITERALS[type.name] ?? '"1"';
  const fields = Object.values(type.getFields());
  const given = type.isOneOf ? fields.slice(0, 1) : fields.filter(isRequiredInputField);
  return withLiterals(given);
};
const withLiterals = (fields: readonly GraphQLInputField[], more: readonly string[] = []): string =>
  `{ ${[...fields.map((field) => `${field.name}: ${literalOf(field.type)}`), ...more].join(', ')} }`;

/** A field with what it cannot do without, such as ids that nothing has. */
export const withArguments = (field: GraphQLField<unknown, unknown>): string => callOf(field, []);

function callOf({ name, args }: GraphQLField<unknown, unknown>, given: readonly string[]): string {
  const others = args.filter(
    (one) => isRequiredArgument(one) && !given.some((text) => text.startsWith(`${one.name}:`)),
  );
  const all = [...others.map((one) => `${one.name}: ${literalOf(one.type)}`), ...given];
  return all.length === 0 ? name : `${name}(${all.join(', ')})`;
}

/** A way to give an input, and the definitions of everything that is given. */
interface Form {
  readonly text: string;
  readonly given: readonly (GraphQLArgument | GraphQLInputField | GraphQLEnumValue)[];
  /** The scalar or enum value in it that it is about, and what the text is with something else in its place. */
  readonly leaf: { readonly type: string; readonly text: string };
  with(leaf: string): string;
}

/** Each enum value, and each field of an input, however deep, with what cannot be left out beside it. */
function formsOf(type: GraphQLInputType): Form[] {
  if (isNonNullType(type)) return formsOf(type.ofType);
  if (isListType(type)) return formsOf(type.ofType).map((form) => within(form, (text) => `[${text}]`));
  if (isEnumType(type)) return type.getValues().map((value) => ofLeaf(type.name, value.name, [value]));
  if (!isInputObjectType(type)) return [ofLeaf(type.name, literalOf(type), [])];
  const fields = Object.values(type.getFields());
  return fields.flatMap((field) => {
    const others = type.isOneOf ? [] : fields.filter((other) => other !== field && isRequiredInputField(other));
    return formsOf(field.type).map((form) =>
      within({ ...form, given: [field, ...others, ...form.given] }, (text) =>
        withLiterals(others, [`${field.name}: ${text}`]),
      ),
    );
  });
}

const ofLeaf = (type: string, text: string, given: Form['given']): Form => ({
  text,
  given,
  leaf: { type, text },
  with: (leaf) => leaf,
});
const within = (form: Form, wrap: (text: string) => string): Form => ({
  ...form,
  text: wrap(form.text),
  with: (leaf) => wrap(form.with(leaf)),
});

/** A field with each of its arguments, in each form. */
export const argumentForms = (
  field: GraphQLField<unknown, unknown>,
): (Form & { readonly argument: GraphQLArgument })[] =>
  field.args.flatMap((argument) =>
    formsOf(argument.type).map((form) => ({ ...form, argument, given: [argument, ...form.given] })),
  );

/** A field with a value of one of its arguments, and what it cannot do without. */
export const withArgument = (field: GraphQLField<unknown, unknown>, argument: string, value: string): string =>
  callOf(field, [`${argument}: ${value}`]);

/** A field, and a query for it. */
export interface QueriedField {
  readonly type: GraphQLObjectType;
  readonly field: GraphQLField<unknown, unknown>;
  /** From Query to its type. */
  readonly path: SchemaPath;
  readonly coordinate: string;
  readonly document: string;
}

/** Each field of each type that is reached without arguments, with a document that selects only what is necessary. */
export const queriedFields = (schema: GraphQLSchema): QueriedField[] =>
  [...pathsFromQuery(schema)].flatMap(([name, path]) => {
    const type = schema.getType(name);
    if (!isObjectType(type)) throw new Error(`no such type: ${name}`);
    return Object.values(type.getFields()).map((field) => ({
      type,
      field,
      path,
      coordinate: `${name}.${field.name}`,
      document: documentFor(path, withSelection(field, withArguments(field))),
    }));
  });

/** A field as it is called, with what must be selected of it. */
export const withSelection = (field: GraphQLField<unknown, unknown>, call: string): string =>
  'getFields' in getNamedType(field.type) ? `${call} { __typename }` : call;
