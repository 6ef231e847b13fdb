import { pageInfoResolvers } from '../relay/connection.ts';
import { createError, quoted } from '../errors.ts';
import type { Resolvers } from '../generated/graphql.ts';
import type { RowId } from '../batch/table.ts';
import type { Context } from './context.ts';
import { mayFind } from './found.ts';
import type { NodeLoad } from './define-type.ts';
import { globalId, parseGlobalId, type NodeType } from './global-id.ts';

/** How many ids `nodes` accepts. */
const MAX_NODES = 100;

/** A value of the `Node` interface: a row plus the name of its type, which rows do not have. */
export interface NodeValue {
  readonly __typename: NodeType;
  readonly id: RowId;
}

/** The resolvers that belong to no type of the CRM: `node`, `nodes` and `viewer`. */
export function rootResolvers(nodeLoaders: Readonly<Record<NodeType, NodeLoad>>) {
  const loadersByName = new Map<string, NodeLoad>(Object.entries(nodeLoaders));
  const load = async (
    text: string,
    argument: string,
    { loaders, owner }: Pick<Context, 'loaders' | 'owner'>,
  ): Promise<NodeValue | null> => {
    const parsed = parseGlobalId(text);
    const nodeLoader = parsed && loadersByName.get(parsed.type);
    if (parsed === undefined || nodeLoader === undefined)
      throw createError('BAD_USER_INPUT', `Argument "${argument}": expected an id from this API, got ${quoted(text)}.`);
    if (!mayFind({ owner }, parsed)) return null;
    const row = await nodeLoader(loaders).load(parsed.id);
    // The compiler checks that there is a loader for each type that implements Node.
    return row === null ? null : { __typename: parsed.type as NodeType, ...row };
  };
  return {
    Query: {
      node: (_, { id }, context) => load(id, 'id', context),
      nodes: (_, { ids }, context) => {
        if (ids.length > MAX_NODES)
          throw createError('BAD_USER_INPUT', `Argument "ids": expected at most ${MAX_NODES} ids, got ${ids.length}.`);
        return Promise.all(ids.map((id, i) => load(id, `ids[${i}]`, context)));
      },
      viewer: (_, __, { caller, owner }) => ({
        subject: caller.subject,
        scopes: [...caller.scopes].sort(),
        ownerId: owner === undefined ? null : globalId('Agent', owner),
        rateLimit: null,
      }),
    },
    Viewer: { rateLimit: (_, __, context) => context.allowance() },
    PageInfo: pageInfoResolvers,
    Node: { __resolveType: (node) => node.__typename },
  } satisfies Resolvers;
}
