import type { GraphQLError } from 'graphql';
import type { Operation } from '../operation.ts';

/**
 * Refuses (QUERY_TOO_COMPLEX) an operation that exceeds a limit, with one error for each; an empty list if it exceeds none. Comes
 * before the cache, since a gateway with other limits may have filled that.
 */
export const bound = ({ measured }: Operation): readonly GraphQLError[] => measured.refusals;
