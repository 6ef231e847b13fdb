import { hash } from 'node:crypto';
import { GraphQLError, parse, stripIgnoredCharacters, validate, type DocumentNode, type GraphQLSchema } from 'graphql';
import { compileQuery, isCompiledQuery, type CompiledQuery } from 'graphql-jit';
import { LRUCache } from 'lru-cache';
import { createError, exposedCode, type ErrorCode } from '../errors.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { analyse, spreadFieldCount, type DocumentFacts } from './analysis.ts';

/** A document that was parsed and validated once and is kept. */
export interface StoredDocument {
  readonly document: DocumentNode;
  /** Equal for documents that differ in white space, commas and comments alone. */
  readonly hash: string;
  readonly facts: DocumentFacts;
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
const UNKNOWN = Symbol('operation not yet asked for');

/** Keeps the documents used last, with what was found wrong with those that are not valid. */
export function createDocuments(
  schema: GraphQLSchema,
  { maxTokens, metrics }: { maxTokens: number; metrics: Metrics },
): Documents {
  const bySource = new LRUCache<string, StoredDocument | DocumentErrors>({
    maxSize: KEPT_CHARACTERS,
    sizeCalculation: (_, source) => source.length + 100,
  });
  const byDocument = new WeakMap<DocumentNode, StoredDocument>();

  const prepare = (source: string): StoredDocument | DocumentErrors => {
    const document = parseSource(source, maxTokens);
    if (document instanceof DocumentErrors) return document;
    const fields = spreadFieldCount(document);
    if (fields > maxTokens)
      return new DocumentErrors([
        createError(
          'QUERY_TOO_COMPLEX',
          `Expected at most ${maxTokens} fields with all fragments spread, got ${fields}.`,
        ),
      ]);
    const errors = validate(schema, document, undefined, { maxErrors: 10 });
    if (errors.length > 0)
      return new DocumentErrors(
        errors.map((error) => coded(error, exposedCode(error.originalError) ?? 'GRAPHQL_VALIDATION_FAILED')),
      );
    const stored = {
      document,
      hash: hash('sha256', stripIgnoredCharacters(source), 'base64url'),
      facts: analyse(schema, document),
      compiled: fields > MOST_COMPILED_FIELDS ? () => undefined : createCompiler(schema, document, metrics),
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

function parseSource(source: string, maxTokens: number): DocumentNode | DocumentErrors {
  try {
    return parse(source, { maxTokens });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    const tooLong = error.message.includes(`more than ${maxTokens} tokens`);
    return new DocumentErrors([
      tooLong
        ? createError('QUERY_TOO_COMPLEX', `Expected at most ${maxTokens} tokens in a document, got more.`)
        : coded(error, 'GRAPHQL_PARSE_FAILED'),
    ]);
  }
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
