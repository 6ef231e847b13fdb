import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import { SCOPES } from '../../src/access/caller.ts';
import { documentFor, pathsFromQuery, type SchemaPath } from '../support/schema-paths.ts';

/** No scope, each alone, all but each, and all. */
export const SCOPE_SETS: readonly (readonly string[])[] = [
  [],
  ...SCOPES.map((scope) => [scope]),
  ...SCOPES.map((scope) => SCOPES.filter((other) => other !== scope)),
  SCOPES,
];

const literalOf = (type: GraphQLInputType): string => {
  if (isNonNullType(type)) return literalOf(type.ofType);
  if (isListType(type)) return `[${literalOf(type.ofType)}]`;
  if (isEnumType(type)) return type.getValues()[0]?.name ?? '';
  if (!isInputObjectType(type)) return { Int: '1', CurrencyCode: '"EUR"' }[type.name] ?? '"1"';
  const fields = Object.values(type.getFields());
  const given = type.isOneOf ? fields.slice(0, 1) : fields.filter(isRequiredInputField);
  return `{ ${given.map((field) => `${field.name}: ${literalOf(field.type)}`).join(', ')} }`;
};
/** A field with what it cannot do without, such as ids that nothing has. */
export const withArguments = (field: GraphQLField<unknown, unknown>): string => {
  const given = field.args.filter(isRequiredArgument).map(({ name, type }) => `${name}: ${literalOf(type)}`);
  return given.length === 0 ? field.name : `${field.name}(${given.join(', ')})`;
};

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
      document: documentFor(path, `${withArguments(field)}${isLeaf(field) ? '' : ' { __typename }'}`),
    }));
  });

const isLeaf = (field: GraphQLField<unknown, unknown>): boolean => !('getFields' in getNamedType(field.type));
