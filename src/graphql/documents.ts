import { hash } from 'node:crypto';
import {
  GraphQLError,
  Kind,
  Lexer,
  parse,
  Source,
  stripIgnoredCharacters,
  TokenKind,
  validate,
  type DocumentNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import type { Limits } from '../config.ts';
import { analyse, type DocumentMetadata } from './analysis.ts';
import { coded, exposedCode, graphqlError } from './coded-errors.ts';
import { createComplexity, type Measured } from './complexity.ts';
import { withPlace } from './literal-place.ts';
import { createPlanCache, createPlans, type OperationPlan, type VariableValues } from './plan.ts';
import { operationShape, spreadFields } from './shape.ts';

/** A document that was parsed and validated once, and cached. */
export interface CachedDocument {
  readonly document: DocumentNode;
  /** Equal for documents that differ only in white space, commas and comments. */
  readonly hash: string;
  readonly metadata: DocumentMetadata;
  /** Measures a request for one of its operations against the limits. Takes raw variables. */
  measure(operation: OperationDefinitionNode, variables: Readonly<Record<string, unknown>> | undefined): Measured;
  /**
   * The plan of one of its operations, if it has one: graphql-js executes introspection, and operations with null for @skip or
   * @include; everything else is executed by its plan.
   */
  plan(operation: OperationDefinitionNode, variables: VariableValues): OperationPlan | undefined;
}

/** Cached documents, by their text. */
export interface Documents {
  /** @throws RequestErrors when the text is not a valid document */
  read(source: string): CachedDocument;
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

// Counted in characters of source text; parsed and analysed, a document takes about 120 times as much memory (2026-11-27).
const KEPT_CHARACTERS = 1_000_000;
// Validation compares fields with the same response key pair by pair, at about four microseconds each (2026-11-25).
const MAX_PAIRS = 20_000;

/** Creates a cache of the most recently used documents, and of the errors of invalid ones. */
export function createDocuments(schema: GraphQLSchema, limits: Limits): Documents {
  const complexity = createComplexity(schema, limits);
  const bySource = new LRUCache<string, CachedDocument | RequestErrors>({
    maxSize: KEPT_CHARACTERS,
    sizeCalculation: (_, source) => source.length + 100,
  });

  const plans = createPlanCache();
  const compile = (source: string): CachedDocument | RequestErrors => {
    const document = parseSource(source, limits.tokens);
    if (document instanceof RequestErrors) return document;
    const { fields, isCyclic } = spreadFields(document);
    if (fields > limits.tokens)
      return tooComplex(`Expected at most ${limits.tokens} fields with all fragments expanded, got ${fields}.`);
    const pairs = isCyclic ? 0 : repeatedPairs(document);
    if (pairs > MAX_PAIRS) return tooComplex(`Expected at most ${MAX_PAIRS} pairs of repeated fields, got ${pairs}.`);
    const errors = validate(schema, document, undefined, { maxErrors: 10 });
    if (errors.length > 0)
      return new RequestErrors(
        errors.map((error) =>
          coded(withPlace(error, document), exposedCode(error.originalError) ?? 'GRAPHQL_VALIDATION_FAILED'),
        ),
      );
    return {
      document,
      hash: hash('sha256', stripIgnoredCharacters(source), 'base64url'),
      metadata: analyse(schema, document),
      measure: byOperation((operation) => complexity(document, operation)),
      plan: byOperation((operation) => createPlans(schema, { document, operation, cache: plans })),
    };
  };

  return {
    read(source) {
      let entry = bySource.get(source);
      if (entry === undefined) {
        entry = compile(source);
        bySource.set(source, entry);
      }
      if (entry instanceof RequestErrors) throw entry;
      return entry;
    },
  };
}

const tooComplex = (message: string) => new RequestErrors([graphqlError('QUERY_TOO_COMPLEX', message)]);

const repeatedPairs = (document: DocumentNode): number =>
  document.definitions
    .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
    .reduce((sum, operation) => sum + operationShape(document, operation).pairs, 0);

/** Calls `prepare` for each operation on first use, and the function that it returns for the variables of each request. */
function byOperation<Variables, Result>(
  prepare: (operation: OperationDefinitionNode) => (variables: Variables) => Result,
) {
  const prepared = new Map<OperationDefinitionNode, (variables: Variables) => Result>();
  return (operation: OperationDefinitionNode, variables: Variables): Result => {
    let known = prepared.get(operation);
    if (known === undefined) {
      known = prepare(operation);
      prepared.set(operation, known);
    }
    return known(variables);
  };
}

// Real documents need fewer than 30: fields have a limit of their own, and inputs are four levels deep.
const MAX_BRACKETS = 100;

function parseSource(source: string, maxTokens: number): DocumentNode | RequestErrors {
  try {
    // The parser of graphql-js is recursive, and how many levels fit on the stack depends on how V8 has compiled it.
    if (isDeeper(source, { levels: MAX_BRACKETS, maxTokens }))
      return tooComplex(`Expected at most ${MAX_BRACKETS} levels of nested brackets, got more.`);
    return parse(source, { maxTokens });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    const tooLong = error.message.includes(`more than ${maxTokens} tokens`);
    return tooLong
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
