import { OperationTypeNode, type GraphQLError } from 'graphql';
import type { Scope } from '../../access/caller.ts';
import { graphqlError } from '../coded-errors.ts';
import type { Operation } from '../operation.ts';

const NEEDED_SCOPE: Readonly<Record<OperationTypeNode, Scope>> = {
  [OperationTypeNode.QUERY]: 'crm:read',
  [OperationTypeNode.SUBSCRIPTION]: 'crm:read',
  [OperationTypeNode.MUTATION]: 'crm:write',
};

/** The error (FORBIDDEN) if the caller may not execute the operation; an empty list if it may. */
export function authorise({ caller, definition }: Operation): readonly GraphQLError[] {
  const scope = NEEDED_SCOPE[definition.operation];
  if (caller.scopes.includes(scope)) return [];
  return [graphqlError('FORBIDDEN', `Expected a caller with the scope ${scope}, got one without it.`)];
}
