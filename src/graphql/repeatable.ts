import type { Lookup } from '../cache/lookups.ts';
import type { Representation } from '../representation.ts';

/** A cached response to a request that is the same as one before. */
export interface AnsweredAgain {
  readonly representation: Representation;
  readonly ageSeconds: number;
}

/** There is no response for it that can be sent as it is. Whoever handles the request need not look again. */
export interface LookedUp {
  readonly lookup: Lookup;
}

/**
 * Answers the same request once more, from whichever client with the same access: at once from memory, or else from Redis; with
 * undefined if it must be looked at. Then, nothing is counted or spent for it.
 * @param isFor whether a response may be sent as it is
 */
export type Again = (
  client: string,
  isFor: (representation: Representation) => boolean,
) => AnsweredAgain | Promise<AnsweredAgain | LookedUp> | undefined;

/** How a request was answered from the cache. */
export interface Repeatable {
  readonly representation: Representation;
  readonly again: Again;
}
