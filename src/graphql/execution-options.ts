import type { GraphQLSchema } from 'graphql';
import type { Caller } from '../access/caller.ts';
import type { Deadline } from '../batch/loaders.ts';
import type { Context } from '../crm/context.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { DocumentFacts } from './analysis.ts';
import type { Documents } from './documents.ts';
import type { MaskError } from './mask.ts';

/** What each request brings along. */
export interface RequestContext {
  readonly caller?: Caller;
  /** Set to over by the HTTP front when the client disconnects. */
  readonly deadline?: Deadline;
  /** Collects the tags of everything that is read for the answer. */
  readonly tags?: Set<string>;
}

/** What execution needs. */
export interface ExecutionOptions {
  readonly schema: GraphQLSchema;
  readonly documents: Documents;
  readonly mask: MaskError;
  readonly createContext: (request: Required<RequestContext> & { readonly facts: DocumentFacts }) => Context;
  readonly requestMs: number;
  readonly metrics: Pick<Metrics, 'executions' | 'repeatedReads'>;
  /** How many subscription events are executed concurrently, so that their reads leave connections for requests. */
  readonly eventsAtOnce: number;
}
