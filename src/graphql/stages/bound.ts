import type { GraphQLError } from 'graphql';
import type { Operation } from '../operation.ts';

/**
 * One error (QUERY_TOO_COMPLEX) for each limit that the operation exceeds. Checked before the cache, which a gateway with higher
 * limits may have filled.
 */
export const bound = ({ measured }: Operation): readonly GraphQLError[] => measured.refusals;
