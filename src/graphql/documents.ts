import { hash } from 'node:crypto';
import {
  GraphQLError,
  Kind,
  Lexer,
  parse,
  separateOperations,
  Source,
  stripIgnoredCharacters,
  TokenKind,
  validate,
  type DocumentNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import type { Scope } from '../access/caller.ts';
import type { Limits } from '../config.ts';
import { noted, type Stage, type Work } from '../telemetry/stalls.ts';
import { analyse, type DocumentMetadata } from './analysis.ts';
import { coded, exposedCode, graphqlError, MAX_ERRORS } from './coded-errors.ts';
import { conditionVariables } from './collect-fields.ts';
import { createComplexity, type Measured } from './complexity.ts';
import { createCostRules } from './cost-rules.ts';
import type { Entry, Kept } from './kept.ts';
import { lighten } from './light-document.ts';
import { withPlace } from './literal-place.ts';
import { readMasks } from './masking.ts';
import { createPlans, type OperationPlan, type VariableValues } from './plan.ts';
import { scopeNeeds, type ScopeNeed } from './scope-needs.ts';
import { createScopeRules } from './scope-rules.ts';
import { operationShape, spreadSelections } from './shape.ts';

/** A document that was parsed and validated once, and kept. */
export interface KeptDocument {
  /** The owner of whatever else is kept and refers to the document. */
  readonly entry: Entry;
  readonly document: DocumentNode;
  /** Equal for documents that differ only in white space, commas and comments. */
  readonly hash: string;
  /** Equal for operations that are the same with their fragments, whatever else their documents have. */
  operationHash(operation: OperationDefinitionNode): string;
  readonly metadata: DocumentMetadata;
  /** The variables of `@skip` and `@include` in one of its operations. */
  conditionVariables(operation: OperationDefinitionNode): readonly string[];
  /** What a caller needs for one of its operations. */
  needs(operation: OperationDefinitionNode, variables: VariableValues['coerced']): readonly ScopeNeed[];
  /** Measures a request for one of its operations against the limits. Takes raw variables. */
  measure(operation: OperationDefinitionNode, variables: Readonly<Record<string, unknown>> | undefined): Measured;
  /**
   * The plan of one of its operations for callers with these scopes, if it has one: graphql-js executes those with introspection.
   */
  plan(
    operation: OperationDefinitionNode,
    variables: VariableValues,
    scopes: readonly Scope[],
  ): OperationPlan | undefined;
}

/** Kept documents, by their text. */
export interface Documents {
  /**
   * @param hidesSuggestions whether errors name nothing of the schema that the text does not name
   * @throws RequestErrors when the text is not a valid document
   */
  read(source: string, hidesSuggestions: boolean): KeptDocument;
}

/** The errors of a request that cannot be executed, each with a code. */
export class RequestErrors extends Error {
  override readonly name = 'RequestErrors';
  readonly errors: readonly GraphQLError[];
  constructor(errors: readonly GraphQLError[]) {
    super('the request is not valid');
    this.errors = errors;
  }
}

// Measured: the columns that it needs, its hash and the functions around it (2026-11-27).
const DOCUMENT_BYTES = 7_000;
const OPERATION_HASH_BYTES = 200;
// Validation compares fields with the same response key pair by pair, at about a microsecond each (2026-11-27).
const MAX_PAIRS = 10_000;

export interface DocumentsOptions {
  readonly schema: GraphQLSchema;
  readonly limits: Limits;
  readonly kept: Kept;
  /** Whether introspection needs no scope. */
  readonly isExploreOpen: boolean;
}

/** Compiles documents, and keeps the valid ones. An invalid one is validated each time that it is sent. */
export function createDocuments({ schema, limits, kept, isExploreOpen }: DocumentsOptions): Documents {
  const weights = createCostRules(schema);
  const complexity = createComplexity(schema, limits, weights);
  const [rules, masks] = [createScopeRules(schema, isExploreOpen), readMasks(schema)];
  const bySource = kept.table<KeptDocument>();
  const compile = (document: DocumentNode, source: string, entry: Entry): KeptDocument => {
    const documentHash = hashOf(source);
    const operationHashes = hashesByOperation(document, source);
    entry.grow(DOCUMENT_BYTES + operationHashes.size * OPERATION_HASH_BYTES + lighten(document));
    return {
      entry,
      document,
      hash: documentHash,
      operationHash: ({ name }) => operationHashes.get(name?.value ?? '') ?? documentHash,
      metadata: analyse(schema, document),
      conditionVariables: byOperation((operation) => {
        const names = conditionVariables(document, operation);
        return () => names;
      }),
      needs: byOperation((operation) => scopeNeeds(schema, { document, operation, rules, entry })),
      measure: byOperation((operation) => complexity(document, operation, entry)),
      plan: byOperation((operation) => {
        const planOf = createPlans(schema, { document, operation, plans: kept.table(), owner: entry, weights });
        return (variables: VariableValues, scopes: readonly Scope[]) => planOf(variables, masks.isUnmasked(scopes));
      }),
    };
  };
  return {
    read(source, hidesSuggestions) {
      const known = bySource.get(source);
      if (known !== undefined) return known;
      const document = parseValid(source, { schema, limits, hidesSuggestions });
      return bySource.add(source, (entry) => compile(document, source, entry));
    },
  };
}

interface Hiding {
  readonly hidesSuggestions: boolean;
}

/** Parses and validates a document. Whatever could take long is limited first. */
function parseValid(
  source: string,
  { schema, limits: { tokens }, hidesSuggestions }: Pick<DocumentsOptions, 'schema' | 'limits'> & Hiding,
): DocumentNode {
  const work = (stage: Stage): Work => ({
    stage,
    about: () => ({ document: hashOfAny(source), operation: undefined }),
  });
  const document = noted(work('parse'), () => parseSource(source, tokens));
  const { selections, isCyclic } = spreadSelections(document);
  if (selections > tokens)
    throw tooComplex(`Expected at most ${tokens} fields and fragments with all fragments expanded, got ${selections}.`);
  const pairs = isCyclic ? 0 : repeatedPairs(document);
  if (pairs > MAX_PAIRS) throw tooComplex(`Expected at most ${MAX_PAIRS} pairs of repeated fields, got ${pairs}.`);
  const errors = noted(work('validate'), () =>
    validate(schema, document, undefined, { maxErrors: MAX_ERRORS, hideSuggestions: hidesSuggestions }),
  );
  // graphql-js stops comparing fields after a while. Those of cyclic and unused fragments are not in the pairs above.
  if (errors.some(({ message }) => message === 'Validation aborted.'))
    throw tooComplex('Expected fewer repeated fields and fragments: they take too long to compare.');
  if (errors.length > 0)
    throw new RequestErrors(
      errors.map((error) =>
        coded(withPlace(error, document), exposedCode(error.originalError) ?? 'GRAPHQL_VALIDATION_FAILED'),
      ),
    );
  return document;
}

/** A document's hash without white space and comments; throws for a text that is not GraphQL. */
export const hashOf = (source: string): string => hash('sha256', stripIgnoredCharacters(source), 'base64url');

/** For each operation's name; none for a document with a single operation, which has nothing else. */
function hashesByOperation(document: DocumentNode, source: string): ReadonlyMap<string, string> {
  const operations = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  if (operations.length === 1) return new Map();
  const textOf = ({ definitions }: DocumentNode) =>
    definitions.map(({ loc }) => source.slice(loc?.start, loc?.end)).join('\n');
  const separated = Object.entries(separateOperations(document));
  return new Map(separated.map(([name, own]) => [name, hashOf(textOf(own))]));
}

/** The same, or undefined for a text that is not GraphQL. */
function hashOfAny(source: string): string | undefined {
  try {
    return hashOf(source);
  } catch (error) {
    if (error instanceof GraphQLError) return undefined;
    throw error;
  }
}

const tooComplex = (message: string) => new RequestErrors([graphqlError('QUERY_TOO_COMPLEX', message)]);

const repeatedPairs = (document: DocumentNode): number =>
  document.definitions
    .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
    .reduce((sum, operation) => sum + operationShape(document, operation).pairs, 0);

/** Calls `prepare` for each operation on first use, and the function that it returns for each request. */
function byOperation<Given extends readonly unknown[], Result>(
  prepare: (operation: OperationDefinitionNode) => (...given: Given) => Result,
) {
  const prepared = new Map<OperationDefinitionNode, (...given: Given) => Result>();
  return (operation: OperationDefinitionNode, ...given: Given): Result => {
    let known = prepared.get(operation);
    if (known === undefined) {
      known = prepare(operation);
      prepared.set(operation, known);
    }
    return known(...given);
  };
}

// Real documents need fewer than 30: fields have a limit of their own, and inputs are four levels deep.
const MAX_BRACKETS = 100;

/** @throws RequestErrors for what is not GraphQL, or has more tokens or levels than it may */
export function parseSource(source: string, maxTokens: number): DocumentNode {
  try {
    // The parser of graphql-js is recursive, and how many levels fit on the stack depends on how V8 has compiled it.
    if (isDeeper(source, { levels: MAX_BRACKETS, maxTokens }))
      throw tooComplex(`Expected at most ${MAX_BRACKETS} levels of nested brackets, got more.`);
    return parse(source, { maxTokens });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    const tooLong = error.message.includes(`more than ${maxTokens} tokens`);
    throw tooLong
      ? tooComplex(`Expected at most ${maxTokens} tokens in a document, got more.`)
      : new RequestErrors([coded(error, 'GRAPHQL_PARSE_FAILED')]);
  }
}

/**
 * Whether more than `levels` brackets are open at once in the first `maxTokens` tokens. Throws the error of graphql-js for an
 * invalid token.
 */
function isDeeper(source: string, { levels, maxTokens }: { levels: number; maxTokens: number }): boolean {
  const lexer = new Lexer(new Source(source));
  let open = 0;
  for (let tokens = 0; tokens <= maxTokens && lexer.advance().kind !== TokenKind.EOF; tokens += 1) {
    const { kind } = lexer.token;
    if (OPENING.has(kind)) open += 1;
    if (CLOSING.has(kind)) open -= 1;
    if (open > levels) return true;
  }
  return false;
}

const OPENING: ReadonlySet<TokenKind> = new Set([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L]);
const CLOSING: ReadonlySet<TokenKind> = new Set([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R]);
