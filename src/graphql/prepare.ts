import { hash } from 'node:crypto';
import { Kind, type DocumentNode, type GraphQLSchema, type OperationDefinitionNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import { canonical } from '../canonical.ts';
import { quoted } from '../errors.ts';
import { graphqlError } from './coded-errors.ts';
import { RequestErrors, type Documents } from './documents.ts';
import { isQuery, type GraphQLRequest, type Operation, type PreparedRequest, type RequestOrigin } from './operation.ts';
import { coerceVariables } from './variables.ts';

/** A request as it was sent. */
export interface RequestText {
  /** Determines the parameters: two requests with the same text have the same ones. */
  readonly text: string;
  /** Called only for a text that is not known yet. What it throws, `prepare` throws. */
  readonly parse: (text: string) => GraphQLRequest;
}

export type Prepare = (request: RequestText, origin: RequestOrigin) => Operation;

// Counted in characters of text. An entry also holds its document, even if that is not among the kept ones any more.
const KEPT_CHARACTERS = 1_000_000;
const LONGEST_KEPT = 20_000;
/** Texts that are remembered to find those that are sent again: no more than 20 million characters. */
const MAX_SEEN = 1_000;
/** Added to the length of each text, for what an entry takes however short its text is. */
const CHARACTERS_PER_ENTRY = 200;

/**
 * Creates the function that prepares a request's operation, without executing any of it. Queries that are sent again are kept by
 * the request's text, so that they are not parsed each time.
 * @returns a function that throws RequestErrors when there is no such operation, or its variables are invalid
 */
export function createPrepare({ schema, documents }: { schema: GraphQLSchema; documents: Documents }): Prepare {
  const known = new LRUCache<string, PreparedRequest>({ maxSize: KEPT_CHARACTERS });
  const isRepeated = createRepeated();
  const prepareRequest = (request: GraphQLRequest): PreparedRequest => {
    if (request.hasHashOnly) throw new RequestErrors([notPersisted()]);
    const document = documents.read(request.query);
    const { operationName: name, variables: rawVariables = {} } = request;
    const definition = pickOperation(document.document, name);
    if (definition === undefined) throw new RequestErrors([unknownOperation(name)]);
    const variables = coerceVariables(schema, definition, rawVariables);
    if ('errors' in variables) throw new RequestErrors(variables.errors);
    const measured = document.measure(definition, rawVariables);
    let hashed: string | undefined;
    return {
      document,
      definition,
      name,
      rawVariables,
      variables,
      measured,
      hash: () => (hashed ??= hashOf([document.hash, name ?? '', canonical(rawVariables)])),
    };
  };

  return ({ text, parse }, origin) => {
    let prepared = known.get(text);
    if (prepared === undefined) {
      prepared = prepareRequest(parse(text));
      // A mutation is hardly ever sent twice, and a subscription is long.
      if (isQuery(prepared) && text.length <= LONGEST_KEPT && isRepeated(text)) {
        freezeDeep(prepared.rawVariables);
        freezeDeep(prepared.variables.coerced);
        known.set(text, prepared, { size: text.length + CHARACTERS_PER_ENTRY });
      }
    }
    return { ...prepared, ...origin };
  };
}

/**
 * Returns a function that tells whether a text was sent before, lately. Keeping a request costs more than that, and those that are
 * sent once would drive out the others.
 */
function createRepeated(): (text: string) => boolean {
  const seen = new Set<string>();
  return (text) => {
    if (seen.delete(text)) return true;
    if (seen.size === MAX_SEEN) seen.clear();
    seen.add(text);
    return false;
  };
}

/** From now on, whoever modifies it gets an error: variables are shared by all requests with the same text. */
function freezeDeep(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const member of Object.values(value)) freezeDeep(member);
}

const hashOf = (parts: readonly string[]): string => hash('sha256', parts.join('\n'), 'base64url');

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
