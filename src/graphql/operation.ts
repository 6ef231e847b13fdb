import { OperationTypeNode, type OperationDefinitionNode } from 'graphql';
import type { Caller } from '../access/caller.ts';
import type { OnJoined } from '../cache/flights.ts';
import type { Lookup } from '../cache/lookups.ts';
import type { Patience } from '../cache/patience.ts';
import type { AcceptedEncoding } from '../compression.ts';
import type { Stage, Work } from '../telemetry/stalls.ts';
import type { Measured } from './complexity.ts';
import type { KeptDocument } from './documents.ts';
import type { VariableValues } from './plan.ts';
import type { ScopeNeed } from './scope-needs.ts';

/** The parameters of a GraphQL request, as specified by GraphQL over HTTP. */
export interface GraphQLRequest {
  /** Empty when the request has only the id of a persisted document. */
  readonly query: string;
  /** The id of a persisted document. With a query, it is its hash, by which the client wants to send it from now on. */
  readonly persisted: { readonly id: string } | undefined;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
}

/** `report` adds the cost to the response. `validate` responds with the cost alone, and executes nothing. */
export type CostMode = 'report' | 'validate';

/** What a request asks of the cache (RFC 9111, 5.2.1). */
export interface CacheControl {
  /** Whether cached responses are ignored and replaced: `no-cache`. */
  readonly refresh: boolean;
  /** Whether the response must not be stored. */
  readonly noStore: boolean;
  /** Whether there must be a cached response: nothing is executed. */
  readonly onlyIfCached: boolean;
  /** The longest time since a cached response was computed; infinite if that does not matter. */
  readonly maxAgeSeconds: number;
}

/** Who sends a request, and what the response must have. */
export interface RequestOrigin {
  readonly caller: Caller;
  /** Whoever shares limits with this request (`clientOf`). */
  readonly client: string;
  /** Aborts when the client no longer waits for the response. */
  readonly signal: AbortSignal;
  /** For how long it was held back, in ms: that is part of its time. */
  readonly heldMs?: number;
  readonly cacheControl: CacheControl;
  /** How long it waits for Redis; undefined before it has asked anything. */
  readonly patience?: Patience | undefined;
  readonly accepted: AcceptedEncoding;
  /** Whether it must not write, as a request by GET (RFC 9110, 9.2.1). */
  readonly isSafe: boolean;
  /** Undefined when the cost was not requested. */
  readonly costMode: CostMode | undefined;
  /** Whether the response has a report of what the cache did. */
  readonly reportsCache: boolean;
  /** What a look-up of its response has found that was made since the request has arrived. */
  readonly lookup?: Lookup | undefined;
}

/**
 * What the text of a request determines, whoever sends it. Requests with the same text share it, so none of it may be modified,
 * the values of variables included.
 */
export interface PreparedRequest {
  /** Whether requests with this text may be answered without being prepared again. */
  readonly mayBeKept: boolean;
  readonly document: KeptDocument;
  readonly definition: OperationDefinitionNode;
  /** The name in the request, which may leave it out if the document has one operation only. */
  readonly name: string | undefined;
  /** The variables of the request, as they were sent, that the operation declares. */
  readonly rawVariables: Readonly<Record<string, unknown>>;
  /** Coerced, with defaults filled in. */
  readonly variables: VariableValues;
  /** Its cost, and the limits that it exceeds. For a subscription, that of one event. */
  readonly measured: Measured;
  /** What its caller needs. */
  readonly needs: readonly ScopeNeed[];
  /** A hash of the operation with its fragments and of the variables: equal for requests that ask for the same. */
  hash(): string;
}

/** One operation of a request, prepared: everything that its execution needs to know. */
export interface Operation extends PreparedRequest, RequestOrigin {
  /** Tells of other clients that wait for its result, if there can be any. */
  readonly onJoined?: OnJoined;
  /** To be called when its execution begins. */
  readonly onBegun?: () => void;
}

/** What a request costs its client at least, also when it is refused, or answered from the cache. */
export const REQUEST_COST = 1;

/** Whether the operation is a mutation, which GET must not execute. */
export const isMutation = ({ definition }: Pick<Operation, 'definition'>): boolean =>
  definition.operation === OperationTypeNode.MUTATION;
/** Whether the operation is a subscription, which has any number of results. */
export const isSubscription = ({ definition }: Pick<Operation, 'definition'>): boolean =>
  definition.operation === OperationTypeNode.SUBSCRIPTION;
/** Whether the operation only reads, and once. */
export const isQuery = ({ definition }: Pick<Operation, 'definition'>): boolean =>
  definition.operation === OperationTypeNode.QUERY;

/** Whether something is added to the response that does not belong to the result. */
export const isReported = ({ costMode, reportsCache }: RequestOrigin): boolean =>
  costMode !== undefined || reportsCache;

/** A stage's work for the operation, in case it holds up the event loop. */
export const workOf = (stage: Stage, { document, definition }: Operation): Work => ({
  stage,
  about: () => ({ document: document.hash, operation: definition.name?.value }),
});
