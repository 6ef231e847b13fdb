import {
  getNullableType,
  getVariableValues,
  isInputObjectType,
  isNonNullType,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type GraphQLError,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { createError } from '../errors.ts';
import type { VariableValues } from './plan.ts';

/** Names of variables in positions where null is not allowed, although their own types allow it. */
export interface VariableUse {
  /** Null is refused; if the variable is left out, the default of its position applies. */
  readonly notNull: ReadonlySet<string>;
  /** Keys of a `@oneOf` input, which may be neither null nor left out. */
  readonly given: ReadonlySet<string>;
}

/**
 * Finds the positions of a document's variables. Validation allows a nullable variable where the schema has a default, and in a
 * `@oneOf` input (it should not there; graphql 17.1 misses inputs that are themselves non-null).
 */
export function variableUse(schema: GraphQLSchema, document: DocumentNode): VariableUse {
  const [notNull, given] = [new Set<string>(), new Set<string>()];
  const info = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(info, {
      // A variable's definition needs no check, since its type says what it accepts.
      VariableDefinition: () => false,
      Variable(node) {
        if (isNonNullType(info.getInputType())) notNull.add(node.name.value);
        const parent = getNullableType(info.getParentInputType());
        if (isInputObjectType(parent) && parent.isOneOf) given.add(node.name.value);
      },
    }),
  );
  return { notNull, given };
}

const NO_VARIABLES: VariableValues = { sources: {}, coerced: {} };

// The message quotes the value, which can be of any length.
const LONGEST_MESSAGE = 300;

/** Coerces a request's variables and fills in defaults; returns errors (BAD_USER_INPUT) when they are invalid. */
export function coerceVariables(
  schema: GraphQLSchema,
  { operation, use }: { operation: OperationDefinitionNode; use: VariableUse },
  values: Readonly<Record<string, unknown>>,
): VariableValues | { readonly errors: readonly GraphQLError[] } {
  const definitions = operation.variableDefinitions ?? [];
  if (definitions.length === 0) return NO_VARIABLES;
  const { errors, variableValues } = getVariableValues(schema, definitions, values, { maxErrors: 10 });
  if (errors !== undefined)
    return { errors: errors.map(({ message }) => createError('BAD_USER_INPUT', message.slice(0, LONGEST_MESSAGE))) };
  const { coerced } = variableValues;
  const missing = definitions
    .map((definition) => definition.variable.name.value)
    .filter((name) =>
      use.given.has(name) ? (coerced[name] ?? null) === null : use.notNull.has(name) && coerced[name] === null,
    );
  if (missing.length === 0) return variableValues;
  return {
    errors: missing.map((name) =>
      createError('BAD_USER_INPUT', `Variable "$${name}": expected a value where it stands, got null or nothing.`),
    ),
  };
}
