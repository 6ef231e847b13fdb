import { hash } from 'node:crypto';
import { Kind } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { DocumentStore } from '../cache/document-store.ts';
import { quoted } from '../errors.ts';
import type { TrustedDocuments } from '../setting-documents.ts';
import { createLineLimit } from '../telemetry/line-limit.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { graphqlError } from './coded-errors.ts';
import { hashOf, parseSource, RequestErrors } from './documents.ts';
import { textBytes, type Kept } from './kept.ts';
import type { GraphQLRequest } from './operation.ts';

/** `log` tells of documents that are not trusted, `enforce` executes none of them. */
export type TrustMode = 'off' | 'log' | 'enforce';

/** There is no document of this id in this gateway. */
export class UnknownDocument extends RequestErrors {
  readonly id: string;
  constructor(id: string) {
    // Clients with automatic persisted queries look for this exact message, and then send the document with its hash.
    super([graphqlError('PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotFound')]);
    this.id = id;
  }
}

/** Documents that clients may send by an id. */
export interface PersistedDocuments {
  /**
   * The document of a request, and whether requests for it may be answered without asking for it again.
   * @throws UnknownDocument; RequestErrors when it may not be executed, or has another hash than the request says
   */
  sourceOf(request: GraphQLRequest): { readonly source: string; readonly mayBeKept: boolean };
  /** Keeps the document of a request that was valid, if the request says so. */
  keep(request: GraphQLRequest): void;
  /** Asks the other gateways for a document. Returns whether it is here now. */
  load(id: string): Promise<boolean>;
}

export interface PersistedOptions {
  readonly trusted: TrustedDocuments;
  readonly mode: TrustMode;
  /** Those of documents. */
  readonly limits: { readonly tokens: number };
  readonly kept: Kept;
  /** Undefined without Redis: then each gateway knows only what was sent to it. */
  readonly store: DocumentStore | undefined;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'persistedDocuments' | 'untrustedDocuments'>;
}

const SHA_256 = /^[0-9a-f]{64}$/;
/** A longer one is sent each time: it would take too much of the memory of Redis. */
const LONGEST_STORED = 20_000;
/** Documents that the log has told of. */
const MAX_TOLD = 1_000;
/** Operations of one document that the log names. */
const MAX_NAMED = 5;
/** Of an operation, in characters: clients choose them. */
const MAX_NAME = 64;

/** Creates the documents of a manifest, and those that clients store themselves (automatic persisted queries). */
export function createPersisted(options: PersistedOptions): PersistedDocuments {
  const { trusted, mode, kept, store, metrics } = options;
  const automatic = kept.table<string>();
  const isTrusted = createTrust(options);
  const found = (outcome: 'trusted' | 'memory' | 'redis' | 'unknown') => metrics.persistedDocuments.inc({ outcome });
  const add = (id: string, document: string): void => {
    automatic.add(id, (entry) => {
      entry.grow(textBytes(document));
      return document;
    });
  };
  const stored = (id: string): string => {
    const manifest = trusted.get(id);
    if (manifest !== undefined) {
      found('trusted');
      return manifest;
    }
    const document = mode === 'enforce' ? undefined : automatic.get(id);
    if (document === undefined) throw new UnknownDocument(id);
    found('memory');
    return document;
  };
  return {
    sourceOf({ query, persisted }) {
      const source = query === '' && persisted !== undefined ? stored(persisted.id) : query;
      const mayBeKept = isTrusted(source);
      if (
        query !== '' &&
        persisted !== undefined &&
        !trusted.has(persisted.id) &&
        hash('sha256', query) !== persisted.id
      )
        throw new RequestErrors([otherHash(persisted.id)]);
      return { source, mayBeKept };
    },
    keep({ query, persisted }) {
      if (query === '' || persisted === undefined || mode === 'enforce' || trusted.has(persisted.id)) return;
      if (query.length > LONGEST_STORED || automatic.get(persisted.id) !== undefined) return;
      add(persisted.id, query);
      store?.store(persisted.id, query);
    },
    async load(id) {
      const document = mode !== 'enforce' && SHA_256.test(id) ? await store?.load(id) : undefined;
      // Whoever can write to Redis must not choose what a client asks for.
      const isIt = document !== undefined && hash('sha256', document) === id;
      if (isIt) add(id, document);
      found(isIt ? 'redis' : 'unknown');
      return isIt;
    },
  };
}

/** Creates the function that refuses documents that are not trusted, or tells of them and returns false. */
function createTrust({ trusted, mode, limits, log, metrics }: PersistedOptions): (source: string) => boolean {
  if (mode === 'off') return () => true;
  const texts = new Set(trusted.values());
  const readIfPossible = (source: string) => {
    try {
      // Ends where there are too many tokens, which the hash does not.
      const { definitions } = parseSource(source, limits.tokens);
      const named = definitions.flatMap((one) =>
        one.kind === Kind.OPERATION_DEFINITION && one.name ? [one.name.value.slice(0, MAX_NAME)] : [],
      );
      return { document: hashOf(source), operations: named.slice(0, MAX_NAMED) };
    } catch (error) {
      if (error instanceof RequestErrors) return undefined;
      throw error;
    }
  };
  const hashes = new Set([...texts].map((text) => readIfPossible(text)?.document));
  const told = new LRUCache<string, true>({ max: MAX_TOLD });
  const logLine = createLineLimit();
  return (source) => {
    if (texts.has(source)) return true;
    const read = readIfPossible(source);
    if (read !== undefined && hashes.has(read.document)) return true;
    metrics.untrustedDocuments.inc({ mode });
    const { document, operations } = read ?? { document: 'not GraphQL, or too long', operations: [] };
    if (!told.has(document))
      logLine((leftOut) => {
        told.set(document, true);
        // As ids of manifests usually are: of the exact text.
        const sha256 = read && hash('sha256', source);
        log.warn({ document, sha256, operations, mode, leftOut }, 'A client has sent a document that is not trusted');
      });
    if (mode === 'enforce') throw new RequestErrors([untrusted()]);
    return false;
  };
}

const untrusted = () =>
  graphqlError('FORBIDDEN', 'Expected one of the documents that this gateway is given to trust, got another one.');

const otherHash = (id: string) =>
  graphqlError(
    'BAD_USER_INPUT',
    `Parameter "extensions.persistedQuery.sha256Hash": expected the SHA-256 of "query" in lower-case hexadecimal digits, got ${quoted(id)}.`,
  );
