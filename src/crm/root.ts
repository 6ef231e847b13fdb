import { pageInfoResolvers } from '../relay/connection.ts';
import { createError, quoted } from '../errors.ts';
import type { Resolvers } from '../generated/graphql.ts';
import type { RowId } from '../batch/table.ts';
import type { Loaders } from './context.ts';
import { parseGlobalId, type NodeType } from './global-id.ts';

/** The most ids that `nodes` takes. */
const MAX_NODES = 100;

/** How to load a row of each type by its id. */
export type NodeLoaders = {
  readonly [Type in NodeType]: (loaders: Loaders) => { load(id: string): Promise<{ readonly id: RowId } | null> };
};

/** A value of the `Node` interface: a row plus the name of its type, which rows do not have. */
export interface NodeValue {
  readonly __typename: NodeType;
  readonly id: RowId;
}

/** The resolvers that belong to no type: `node`, `nodes` and `viewer`. */
export function rootResolvers(nodeLoaders: NodeLoaders) {
  const load = async (text: string, argument: string, loaders: Loaders): Promise<NodeValue | null> => {
    const parsed = parseGlobalId(text);
    if (parsed === undefined)
      throw createError(
        'BAD_USER_INPUT',
        `Argument "${argument}": expected an id that this API gave, got ${quoted(text)}.`,
      );
    const row = await nodeLoaders[parsed.type](loaders).load(parsed.id);
    return row === null ? null : { __typename: parsed.type, ...row };
  };
  return {
    Query: {
      node: (_, { id }, { loaders }) => load(id, 'id', loaders),
      nodes: (_, { ids }, { loaders }) => {
        if (ids.length > MAX_NODES)
          throw createError('BAD_USER_INPUT', `Argument "ids": expected at most ${MAX_NODES} ids, got ${ids.length}.`);
        return Promise.all(ids.map((id, i) => load(id, `ids[${i}]`, loaders)));
      },
      viewer: (_, __, { caller }) => ({ subject: caller.subject, scopes: [...caller.scopes].sort(), rateLimit: null }),
    },
    PageInfo: pageInfoResolvers,
    Node: { __resolveType: (node) => node.__typename },
  } satisfies Resolvers;
}
