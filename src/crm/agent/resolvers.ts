import { connectionResolvers } from '../../relay/connection.ts';
import { connectionOf } from '../connections.ts';
import { assertMayList, mayFind } from '../found.ts';
import { globalId, rowIdOf } from '../global-id.ts';
import type { ResolversOf } from '../resolver-types.ts';

export const agentResolvers = {
  Query: {
    agent: (_, { id: given }, context) => {
      const id = rowIdOf('Agent', given, 'id');
      return mayFind(context, { type: 'Agent', id }) ? context.loaders.agentById.load(id) : null;
    },
    agents: (_, args, context) => {
      assertMayList(context, 'agents');
      return connectionOf(context.loaders.agents, { args }, context.paging);
    },
  },
  Agent: { id: (agent) => globalId('Agent', agent.id) },
  AgentConnection: connectionResolvers,
} satisfies ResolversOf<'Agent'>;
