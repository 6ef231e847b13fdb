import { getVariableValues, type GraphQLError, type GraphQLSchema, type OperationDefinitionNode } from 'graphql';
import { graphqlError } from './coded-errors.ts';
import type { VariableValues } from './plan.ts';

const NO_VARIABLES: VariableValues = { sources: {}, coerced: {} };

// The message quotes the value, which can be of any length.
const LONGEST_MESSAGE = 300;

/** Coerces a request's variables and fills in defaults; returns errors (BAD_USER_INPUT) when they are invalid. */
export function coerceVariables(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  values: Readonly<Record<string, unknown>>,
): VariableValues | { readonly errors: readonly GraphQLError[] } {
  const definitions = operation.variableDefinitions ?? [];
  if (definitions.length === 0) return NO_VARIABLES;
  const { errors, variableValues } = getVariableValues(schema, definitions, values, { maxErrors: 10 });
  if (errors !== undefined)
    return { errors: errors.map(({ message }) => graphqlError('BAD_USER_INPUT', message.slice(0, LONGEST_MESSAGE))) };
  return variableValues;
}
