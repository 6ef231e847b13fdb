import { getVariableValues, type GraphQLError, type GraphQLSchema, type OperationDefinitionNode } from 'graphql';
import { coded } from './coded-errors.ts';
import type { VariableValues } from './plan.ts';

const NO_VARIABLES: VariableValues = { sources: {}, coerced: {} };

/** Coerces a request's variables and fills in defaults; returns errors (BAD_USER_INPUT) when they are invalid. */
export function coerceVariables(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  values: Readonly<Record<string, unknown>>,
): VariableValues | { readonly errors: readonly GraphQLError[] } {
  const definitions = operation.variableDefinitions ?? [];
  if (definitions.length === 0) return NO_VARIABLES;
  const { errors, variableValues } = getVariableValues(schema, definitions, values, { maxErrors: 10 });
  if (errors !== undefined) return { errors: errors.map((error) => coded(error, 'BAD_USER_INPUT')) };
  return variableValues;
}
