import { hash } from 'node:crypto';
import {
  BREAK,
  GraphQLError,
  Kind,
  parse,
  stripIgnoredCharacters,
  validate,
  visit,
  type DocumentNode,
  type FieldNode,
  type FragmentSpreadNode,
  type GraphQLSchema,
  type InlineFragmentNode,
  type OperationDefinitionNode,
} from 'graphql';
import { compileQuery, isCompiledQuery, type CompiledQuery } from 'graphql-jit';
import { LRUCache } from 'lru-cache';
import { createError, exposedCode, type ErrorCode } from '../errors.ts';
import type { Limits } from '../config.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { analyse, type DocumentFacts } from './analysis.ts';
import { createComplexity, type Measured, type MeasureRequest } from './complexity.ts';
import { operationShape, spreadFields } from './shape.ts';

/** A document that was parsed and validated once and is kept. */
export interface StoredDocument {
  readonly document: DocumentNode;
  /** Equal for documents that differ in white space, commas and comments alone. */
  readonly hash: string;
  readonly facts: DocumentFacts;
  /** Holds a request for one of its operations against the bounds. Takes the variables as they came. */
  measure(operation: OperationDefinitionNode, variables: Readonly<Record<string, unknown>> | undefined): Measured;
  /**
   * The compiled operation; undefined the first time that an operation is asked for, since compiling costs more than
   * running once, and for one that cannot be compiled. Then the plain executor runs it.
   */
  compiled(operationName: string | undefined): CompiledQuery | undefined;
}

/** Documents by their text. */
export interface Documents {
  /** Throws the request's errors (`DocumentErrors`) for a text that is no valid document. */
  read(source: string): StoredDocument;
  /** The stored form of a document that `read` gave. */
  of(document: DocumentNode): StoredDocument | undefined;
}

/** Why a text is no valid document: one error or several, each with its code. */
export class DocumentErrors extends Error {
  override readonly name = 'DocumentErrors';
  readonly errors: readonly GraphQLError[];
  constructor(errors: readonly GraphQLError[]) {
    super('the document is not valid');
    this.errors = errors;
  }
}

// By characters of source text; parsed and compiled, a document takes some fifty times as much memory.
const KEPT_CHARACTERS = 2_000_000;
// Compiling spreads every fragment in one go, during which nothing else runs: a millisecond for about five fields.
const MOST_COMPILED_FIELDS = 500;
// Validation compares fields of one name in one place pair by pair: some four microseconds each (2026-11-25).
const MOST_PAIRS = 20_000;
const UNKNOWN = Symbol('operation not yet asked for');

/** Keeps the documents used last, with what was found wrong with those that are not valid. */
export function createDocuments(
  schema: GraphQLSchema,
  { limits, metrics }: { limits: Limits; metrics: Metrics },
): Documents {
  const complexity = createComplexity(schema, limits);
  const bySource = new LRUCache<string, StoredDocument | DocumentErrors>({
    maxSize: KEPT_CHARACTERS,
    sizeCalculation: (_, source) => source.length + 100,
  });
  const byDocument = new WeakMap<DocumentNode, StoredDocument>();

  const prepare = (source: string): StoredDocument | DocumentErrors => {
    const document = parseSource(source, limits.tokens);
    if (document instanceof DocumentErrors) return document;
    const { fields, isCyclic } = spreadFields(document);
    if (fields > limits.tokens)
      return tooComplex(`Expected at most ${limits.tokens} fields with all fragments spread, got ${fields}.`);
    const pairs = isCyclic ? 0 : repeatedPairs(document);
    if (pairs > MOST_PAIRS)
      return tooComplex(`Expected at most ${MOST_PAIRS} pairs of fields that repeat one another, got ${pairs}.`);
    const errors = validate(schema, document, undefined, { maxErrors: 10 });
    if (errors.length > 0)
      return new DocumentErrors(
        errors.map((error) => coded(error, exposedCode(error.originalError) ?? 'GRAPHQL_VALIDATION_FAILED')),
      );
    const stored = {
      document,
      hash: hash('sha256', stripIgnoredCharacters(source), 'base64url'),
      facts: analyse(schema, document),
      measure: createMeasure((operation) => complexity(document, operation)),
      compiled:
        fields > MOST_COMPILED_FIELDS || hasConditionalParts(document)
          ? () => undefined
          : createCompiler(schema, document, metrics),
    };
    byDocument.set(document, stored);
    return stored;
  };

  return {
    read(source) {
      let entry = bySource.get(source);
      if (entry === undefined) {
        entry = prepare(source);
        bySource.set(source, entry);
      }
      if (entry instanceof DocumentErrors) throw entry;
      return entry;
    },
    of: (document) => byDocument.get(document),
  };
}

const tooComplex = (message: string) => new DocumentErrors([createError('QUERY_TOO_COMPLEX', message)]);

const repeatedPairs = (document: DocumentNode): number =>
  document.definitions
    .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
    .reduce((sum, operation) => sum + operationShape(document, operation).pairs, 0);

/** Works each operation out when it is first asked for. */
function createMeasure(prepare: (operation: OperationDefinitionNode) => MeasureRequest): StoredDocument['measure'] {
  const byOperation = new Map<OperationDefinitionNode, MeasureRequest>();
  return (operation, variables) => {
    let measure = byOperation.get(operation);
    if (measure === undefined) {
      measure = prepare(operation);
      byOperation.set(operation, measure);
    }
    return measure(variables);
  };
}

function parseSource(source: string, maxTokens: number): DocumentNode | DocumentErrors {
  try {
    return parse(source, { maxTokens });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    const tooLong = error.message.includes(`more than ${maxTokens} tokens`);
    return tooLong
      ? tooComplex(`Expected at most ${maxTokens} tokens in a document, got more.`)
      : new DocumentErrors([coded(error, 'GRAPHQL_PARSE_FAILED')]);
  }
}

/**
 * Whether `@skip` or `@include` stands at anything but a field without a selection, which graphql-jit 0.8 gets wrong: it
 * spreads each fragment once, under the condition of its first place, and forgets that of the field around it.
 */
function hasConditionalParts(document: DocumentNode): boolean {
  let isFound = false;
  const look = ({ directives = [], ...node }: FieldNode | FragmentSpreadNode | InlineFragmentNode) => {
    const isLeaf = node.kind === Kind.FIELD && node.selectionSet === undefined;
    isFound ||= !isLeaf && directives.some(({ name }) => name.value === 'skip' || name.value === 'include');
    return isFound ? BREAK : undefined;
  };
  visit(document, { Field: look, FragmentSpread: look, InlineFragment: look });
  return isFound;
}

function createCompiler(schema: GraphQLSchema, document: DocumentNode, metrics: Metrics) {
  const byName = new Map<string | undefined, CompiledQuery | typeof UNKNOWN | undefined>();
  return (operationName: string | undefined): CompiledQuery | undefined => {
    if (!byName.has(operationName)) {
      byName.set(operationName, UNKNOWN);
      return undefined;
    }
    const known = byName.get(operationName);
    if (known !== UNKNOWN) return known;
    const compiled = compileQuery(schema, document, operationName, {
      disablingCapturingStackErrors: true,
      // Rows hold enumerations and the built-in scalars as they go out; checking each value again costs a call and five
      // objects a value.
      disableLeafSerialization: true,
    });
    const usable = isCompiledQuery(compiled) ? compiled : undefined;
    if (usable === undefined) metrics.jitFallbacks.inc();
    byName.set(operationName, usable);
    return usable;
  };
}

// What came is in some messages, whatever its length.
const LONGEST_MESSAGE = 500;

/** The same error with a code. */
export function coded(error: GraphQLError, code: ErrorCode): GraphQLError {
  const result = new GraphQLError(error.message.slice(0, LONGEST_MESSAGE), {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
    extensions: { ...error.extensions, code },
    ...(error.originalError ? { originalError: error.originalError } : {}),
  });
  return withLocations(result, error);
}

/** Gives an error the places of another in the document: graphql-jit's errors have them without the nodes. */
export function withLocations(error: GraphQLError, located: GraphQLError): GraphQLError {
  const { locations } = located;
  if (error.locations === undefined && locations !== undefined)
    Object.defineProperty(error, 'locations', { value: locations, enumerable: true });
  return error;
}
