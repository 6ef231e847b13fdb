import { OperationTypeNode } from 'graphql';
import type { Scope } from '../../access/caller.ts';
import { graphqlError } from '../coded-errors.ts';
import { isMutation, type Operation } from '../operation.ts';
import { serialise, type GraphQLResponse } from './serialise.ts';

const NEEDED_SCOPE: Readonly<Record<OperationTypeNode, Scope>> = {
  [OperationTypeNode.QUERY]: 'crm:read',
  [OperationTypeNode.SUBSCRIPTION]: 'crm:read',
  [OperationTypeNode.MUTATION]: 'crm:write',
};

/** The refusal of an operation that the caller may not execute (FORBIDDEN), or may not send by this method; else undefined. */
export function authorise(operation: Operation): GraphQLResponse | undefined {
  const { caller, definition, isSafe } = operation;
  if (isSafe && isMutation(operation)) return mutationByGet();
  const scope = NEEDED_SCOPE[definition.operation];
  if (caller.scopes.includes(scope)) return undefined;
  const message = `Expected a caller with the scope ${scope}, got one without it.`;
  return serialise({ errors: [graphqlError('FORBIDDEN', message)] });
}

function mutationByGet(): GraphQLResponse {
  const response = serialise({ errors: [graphqlError('BAD_USER_INPUT', 'Expected a mutation by POST, got GET.')] });
  return { ...response, status: 405, isRefusal: true, headers: { ...response.headers, allow: 'POST' } };
}
