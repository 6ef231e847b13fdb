import { connectionResolvers, createConnection } from '../../relay/connection.ts';
import type { Resolvers } from '../../generated/graphql.ts';
import { sortBy } from '../filters.ts';
import { globalId, rowIdOf } from '../global-id.ts';
import { agents } from './table.ts';

export const agentResolvers = {
  Query: {
    agent: (_, { id }, { loaders }) => loaders.agentById.load(rowIdOf('Agent', id, 'id')),
    agents: (_, args, { loaders, paging }) =>
      createConnection(loaders.agents, { parent: null, conditions: [], sort: sortBy(agents) }, { args, paging }),
  },
  Agent: { id: (agent) => globalId('Agent', agent.id) },
  AgentConnection: connectionResolvers,
} satisfies Resolvers;
