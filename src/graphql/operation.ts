import { Kind, OperationTypeNode, type DocumentNode, type GraphQLSchema, type OperationDefinitionNode } from 'graphql';
import type { Caller } from '../access/caller.ts';
import { quoted } from '../errors.ts';
import { graphqlError } from './coded-errors.ts';
import type { Measured } from './complexity.ts';
import { RequestErrors, type Documents, type StoredDocument } from './documents.ts';
import type { VariableValues } from './plan.ts';
import { coerceVariables } from './variables.ts';

/** The parameters of a GraphQL request, as specified by GraphQL over HTTP. */
export interface GraphQLRequest {
  /** Empty when the request names a persisted document instead. */
  readonly query: string;
  /** Whether it names a persisted document, which clients with automatic persisted queries try first. */
  readonly isPersisted: boolean;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
}

/** `report` adds the cost to the response. `validate` responds with the cost alone, and executes nothing. */
export type CostMode = 'report' | 'validate';

/** Who sends a request, and what the response must have. */
export interface RequestOrigin {
  readonly caller: Caller;
  /** Aborts when the client no longer waits for the response. */
  readonly signal: AbortSignal;
  /** Whether cached responses are ignored and replaced. */
  readonly refresh: boolean;
  /** Undefined when the cost was not requested. */
  readonly costMode: CostMode | undefined;
}

/** One operation of a request, prepared: everything that its execution needs to know. */
export interface Operation extends RequestOrigin {
  readonly document: StoredDocument;
  readonly definition: OperationDefinitionNode;
  /** The name in the request, which may leave it out if the document has one operation only. */
  readonly name: string | undefined;
  /** The variables of the request, as they were sent. */
  readonly rawVariables: Readonly<Record<string, unknown>>;
  /** Coerced, with defaults filled in. */
  readonly variables: VariableValues;
  /** Its cost, and the limits that it exceeds. For a subscription, that of one event. */
  readonly measured: Measured;
}

export type Prepare = (request: GraphQLRequest, origin: RequestOrigin) => Operation;

/**
 * Creates the function that prepares a request's operation, without executing any of it.
 * @returns a function that throws RequestErrors when there is no such operation, or its variables are invalid
 */
export function createPrepare({ schema, documents }: { schema: GraphQLSchema; documents: Documents }): Prepare {
  return (request, origin) => {
    if (request.isPersisted) throw new RequestErrors([notPersisted()]);
    const document = documents.read(request.query);
    const { operationName: name, variables: rawVariables = {} } = request;
    const definition = pickOperation(document.document, name);
    if (definition === undefined) throw new RequestErrors([unknownOperation(name)]);
    const variables = coerceVariables(schema, definition, rawVariables);
    if ('errors' in variables) throw new RequestErrors(variables.errors);
    const measured = document.measure(definition, rawVariables);
    return { ...origin, document, definition, name, rawVariables, variables, measured };
  };
}

/** Whether the operation is a mutation, which GET must not execute. */
export const isMutation = ({ definition }: Pick<Operation, 'definition'>): boolean =>
  definition.operation === OperationTypeNode.MUTATION;
/** Whether the operation is a subscription, which has any number of results. */
export const isSubscription = ({ definition }: Pick<Operation, 'definition'>): boolean =>
  definition.operation === OperationTypeNode.SUBSCRIPTION;

/** Undefined if none has the name, or if there are several and no name. */
function pickOperation(document: DocumentNode, name: string | undefined): OperationDefinitionNode | undefined {
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  if (name) return operations.find((operation) => operation.name?.value === name);
  return operations.length === 1 ? operations[0] : undefined;
}

const unknownOperation = (name: string | undefined) =>
  graphqlError(
    'BAD_USER_INPUT',
    name === undefined
      ? 'Parameter "operationName": expected the name of one of the document\'s operations, got nothing.'
      : `Parameter "operationName": the document has no operation ${quoted(name)}.`,
  );

/**
 * Asks a client to send the document itself. Clients look for this exact message: then they send the document at once, and do not
 * try a hash alone again.
 */
const notPersisted = () => graphqlError('PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotSupported');
