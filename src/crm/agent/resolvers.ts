import { connectionResolvers } from '../../relay/connection.ts';
import { connectionOf } from '../connections.ts';
import { globalId, rowIdOf } from '../global-id.ts';
import type { ResolversOf } from '../resolver-types.ts';

export const agentResolvers = {
  Query: {
    agent: (_, { id }, { loaders }) => loaders.agentById.load(rowIdOf('Agent', id, 'id')),
    agents: (_, args, { loaders, paging }) => connectionOf(loaders.agents, { args }, paging),
  },
  Agent: { id: (agent) => globalId('Agent', agent.id) },
  AgentConnection: connectionResolvers,
} satisfies ResolversOf<'Agent'>;
