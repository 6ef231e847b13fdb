import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Kind, type DocumentNode, type GraphQLSchema, type OperationDefinitionNode } from 'graphql';
import { canonical } from '../canonical.ts';
import { quoted } from '../errors.ts';
import { graphqlError } from './coded-errors.ts';
import { RequestErrors, type Documents } from './documents.ts';
import { noted } from '../telemetry/stalls.ts';
import { textBytes, type Kept } from './kept.ts';
import { isQuery, type GraphQLRequest, type Operation, type PreparedRequest, type RequestOrigin } from './operation.ts';
import type { PersistedDocuments } from './persisted.ts';
import { coerceVariables } from './variables.ts';

/** A request as it was sent. */
export interface RequestText {
  /** Determines the parameters: two requests with the same text have the same ones. */
  readonly text: string;
  /** Called only for a text that is not known yet. What it throws, `prepare` throws. */
  readonly parse: (text: string) => GraphQLRequest;
}

export type Prepare = (request: RequestText, origin: RequestOrigin) => Operation;

const LONGEST_KEPT = 20_000;
/** Requests that are remembered, by checksums, to find those that are sent again. */
const MAX_SEEN = 1_000;
// Measured, besides the text and the values of variables (2026-11-27).
const REQUEST_BYTES = 1_000;
/** For each variable: what graphql-js notes of its definition. */
const SOURCE_BYTES = 250;

export interface PrepareOptions {
  readonly schema: GraphQLSchema;
  readonly documents: Documents;
  readonly persisted: Pick<PersistedDocuments, 'sourceOf' | 'keep'>;
  readonly kept: Kept;
  /** Whether everybody may see the schema. */
  readonly isExploreOpen: boolean;
}

/**
 * Creates the function that prepares a request's operation, without executing any of it. Queries that are sent again are kept by
 * the request's text, so that they are not parsed each time.
 * @returns a function that throws RequestErrors when there is no such operation, or its variables are invalid
 */
export function createPrepare({ schema, documents, persisted, kept, isExploreOpen }: PrepareOptions): Prepare {
  const known = kept.table<PreparedRequest>();
  const isRepeated = createRepeated();
  const keep = (text: string, prepared: PreparedRequest): void => {
    const bytes = requestBytes(prepared);
    known.add(
      text,
      (entry) => {
        entry.grow(bytes);
        return prepared;
      },
      prepared.document.entry,
    );
  };
  const prepareRequest = (request: GraphQLRequest, { caller }: RequestOrigin): PreparedRequest => {
    const { source, mayBeKept } = persisted.sourceOf(request);
    // "Did you mean" tells the schema, name by name.
    const hidesSuggestions = !isExploreOpen && !caller.scopes.includes('crm:explore');
    const document = documents.read(source, hidesSuggestions);
    persisted.keep(request);
    const { operationName: name } = request;
    const definition = pickOperation(document.document, name);
    if (definition === undefined) throw new RequestErrors([unknownOperation(name)]);
    const rawVariables = declared(definition, request.variables);
    const variables = coerceVariables({ schema, hidesSuggestions }, definition, rawVariables);
    if ('errors' in variables) throw new RequestErrors(variables.errors);
    if (document.conditionVariables(definition).some((condition) => variables.coerced[condition] === null))
      throw new RequestErrors([nullCondition()]);
    const measured = document.measure(definition, rawVariables);
    let hashed: string | undefined;
    return {
      mayBeKept,
      document,
      definition,
      name,
      rawVariables,
      variables,
      measured,
      needs: document.needs(definition, variables.coerced),
      hash: () => (hashed ??= hashOf([document.operationHash(definition), canonical(rawVariables)])),
    };
  };

  return ({ text, parse }, origin) => {
    let prepared = known.get(text);
    if (prepared === undefined) {
      // What the stall is about is asked later, when the request is prepared, if it can be.
      const about = () => ({ document: prepared?.document.hash, operation: prepared?.definition.name?.value });
      prepared = noted({ stage: 'prepare', about }, () => prepareRequest(parse(text), origin));
      // A mutation is hardly ever sent twice, and a subscription is long. A refusal is an error with a stack of its own.
      const isWorth = prepared.mayBeKept && isQuery(prepared) && prepared.measured.refusals.length === 0;
      if (isWorth && text.length <= LONGEST_KEPT && isRepeated(text)) keep(text, prepared);
    }
    return { ...prepared, ...origin };
  };
}

/**
 * Returns a function that tells whether a text was sent before, lately. Keeping a request costs more than that, and those that are
 * sent once would drive out the others.
 */
function createRepeated(): (text: string) => boolean {
  const seen = new Set<number>();
  return (text) => {
    // Two texts with the same one only mean that a request is kept that was sent once.
    const checksum = crc32(text);
    if (seen.delete(checksum)) return true;
    if (seen.size === MAX_SEEN) seen.clear();
    seen.add(checksum);
    return false;
  };
}

/**
 * The variables that an operation declares, of those that were sent: the others have no effect, so they must not make another entry
 * in a cache either.
 */
const declared = (
  { variableDefinitions = [] }: OperationDefinitionNode,
  sent: GraphQLRequest['variables'] = {},
): PreparedRequest['rawVariables'] =>
  Object.fromEntries(
    variableDefinitions
      .map(({ variable }) => variable.name.value)
      .filter((name) => Object.hasOwn(sent, name))
      .map((name) => [name, sent[name]]),
  );

/** Freezes the variables of a request, and returns how many bytes it takes, besides its text and its document. */
export function requestBytes({ rawVariables, variables }: Pick<PreparedRequest, 'rawVariables' | 'variables'>): number {
  // Coercion takes over the strings.
  const values = freezeDeep(rawVariables, stringBytes) + freezeDeep(variables.coerced, () => 0);
  return REQUEST_BYTES + values + Object.keys(variables.sources).length * SOURCE_BYTES;
}

/**
 * From now on, whoever modifies it gets an error: variables are shared by all requests with the same text.
 * @returns how many bytes it takes
 */
function freezeDeep(value: unknown, ofString: (text: string) => number): number {
  if (typeof value === 'string') return ofString(value);
  if (typeof value !== 'object' || value === null) return 0;
  Object.freeze(value);
  let bytes = OBJECT_BYTES;
  for (const member of Object.values(value)) bytes += MEMBER_BYTES + freezeDeep(member, ofString);
  return bytes;
}

// Measured (2026-11-27).
const OBJECT_BYTES = 28;
const MEMBER_BYTES = 10;
const stringBytes = (text: string): number => 20 + textBytes(text);

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

/** A default value makes null a valid value of such a variable. graphql-js would only find it in each object, without a pause. */
const nullCondition = () =>
  graphqlError('BAD_USER_INPUT', 'Expected true or false for @skip and @include, got a variable that is null.');
