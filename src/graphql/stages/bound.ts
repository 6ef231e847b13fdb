import type { GraphQLError } from 'graphql';
import type { Operation } from '../operation.ts';

/**
 * Refuses (QUERY_TOO_COMPLEX) an operation that exceeds a limit, with one error for each; an empty list if it exceeds none.
 * This stage comes before the cache, which a gateway with other limits may have filled.
 */
export const bound = ({ measured }: Operation): readonly GraphQLError[] => measured.refusals;
