import type { IncomingMessage } from 'node:http';
import { OperationTypeNode, type OperationDefinitionNode } from 'graphql';
import { pickOperation } from '../graphql/analysis.ts';
import type { Measured } from '../graphql/complexity.ts';
import { DocumentErrors, type Documents, type StoredDocument } from '../graphql/documents.ts';
import {
  assertJsonBody,
  HttpError,
  notPersisted,
  parseGet,
  parsePost,
  queryString,
  readBody,
  type GraphQLRequest,
} from './graphql-request.ts';

/** What a request asks for. */
export interface AskedOperation {
  readonly parameters: GraphQLRequest;
  /** The document, or its errors. */
  readonly stored: StoredDocument | DocumentErrors;
  /** Undefined when the document is invalid or has no such operation. */
  readonly operation: OperationDefinitionNode | undefined;
  /** The request measured against the limits; undefined without an operation. A subscription's cost is that of one event. */
  readonly measured: Measured | undefined;
}

/**
 * Reads a GET or POST, whoever answers it: what is refused here never reaches Yoga's own, more lenient parsing.
 * @throws HttpError for a request that cannot be read (400, 413, 415) and for a mutation by GET (405)
 */
export async function readOperation(
  request: IncomingMessage,
  { documents, bodyBytes }: { documents: Documents; bodyBytes: number },
): Promise<AskedOperation> {
  const parameters = await readParameters(request, bodyBytes);
  const stored = parameters.isPersisted
    ? new DocumentErrors([notPersisted()])
    : readDocument(documents, parameters.query);
  const operation =
    stored instanceof DocumentErrors ? undefined : pickOperation(stored.document, parameters.operationName);
  if (operation?.operation === OperationTypeNode.MUTATION && request.method === 'GET')
    throw new HttpError(405, 'Expected a mutation by POST, got GET.', { allow: 'POST' });
  // Before the cache as well, since a gateway with other limits may have filled it. Takes half a microsecond with two sizes in
  // variables, nothing without (2026-11-25).
  const measured =
    stored instanceof DocumentErrors || operation === undefined
      ? undefined
      : stored.measure(operation, parameters.variables);
  return { parameters, stored, operation, measured };
}

async function readParameters(request: IncomingMessage, mostBytes: number): Promise<GraphQLRequest> {
  if (request.method === 'GET') return parseGet(queryString(request));
  assertJsonBody(request.headers['content-type']);
  return parsePost(await readBody(request, mostBytes));
}

function readDocument(documents: Documents, source: string): StoredDocument | DocumentErrors {
  try {
    return documents.read(source);
  } catch (error) {
    if (error instanceof DocumentErrors) return error;
    throw error;
  }
}
