import { getVariableValues, type GraphQLError, type GraphQLSchema, type OperationDefinitionNode } from 'graphql';
import { coded, graphqlError, MAX_ERRORS } from './coded-errors.ts';
import type { VariableValues } from './plan.ts';

const NO_VARIABLES: VariableValues = { sources: {}, coerced: {} };

/**
 * Coerces a request's variables and fills in defaults; returns errors (BAD_USER_INPUT) when they are invalid.
 * @param options.hidesSuggestions as for documents
 */
export function coerceVariables(
  { schema, hidesSuggestions }: { readonly schema: GraphQLSchema; readonly hidesSuggestions: boolean },
  operation: OperationDefinitionNode,
  values: Readonly<Record<string, unknown>>,
): VariableValues | { readonly errors: readonly GraphQLError[] } {
  const definitions = operation.variableDefinitions ?? [];
  if (definitions.length === 0) return NO_VARIABLES;
  for (const { variable } of definitions) {
    const name = variable.name.value;
    if (isTooWide(values[name])) {
      const message = `Variable "$${name}": expected objects of at most ${MAX_FIELDS} fields, got more.`;
      return { errors: [graphqlError('BAD_USER_INPUT', message)] };
    }
  }
  const options = { maxErrors: MAX_ERRORS, hideSuggestions: hidesSuggestions };
  const { errors, variableValues } = getVariableValues(schema, definitions, values, options);
  if (errors !== undefined) return { errors: errors.map((error) => coded(error, 'BAD_USER_INPUT')) };
  return variableValues;
}

// No input has as many. Each of graphql-js's errors about an unknown field prints the whole object, up to two levels deep.
const MAX_FIELDS = 50;

function isTooWide(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const members = Object.values(value);
  return (members.length > MAX_FIELDS && !Array.isArray(value)) || members.some(isTooWide);
}
