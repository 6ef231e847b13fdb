import type { GraphQLSchema } from 'graphql';
import type { Caller } from '../access/caller.ts';
import type { Deadline } from '../batch/loaders.ts';
import type { Context } from '../crm/context.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { DocumentFacts } from './analysis.ts';
import type { Documents } from './documents.ts';
import type { MaskError } from './mask.ts';

/** What every request brings: who asks. */
export interface RequestContext {
  readonly caller?: Caller;
  /** Ended by the HTTP front when the client goes away. */
  readonly deadline?: Deadline;
  /** Gets the tags of all that is read for the answer. */
  readonly tags?: Set<string>;
}

/** What executing takes. */
export interface ExecutionOptions {
  readonly schema: GraphQLSchema;
  readonly documents: Documents;
  readonly mask: MaskError;
  readonly createContext: (request: Required<RequestContext> & { readonly facts: DocumentFacts }) => Context;
  readonly requestMs: number;
  readonly metrics: Pick<Metrics, 'executions' | 'repeatedReads'>;
  /** How many subscriptions run at once, so that what is read for them leaves connections to requests. */
  readonly eventsAtOnce: number;
}
