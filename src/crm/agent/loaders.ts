import type DataLoader from 'dataloader';
import { createListLoaders, createRowLoader, type BatchContext, type ListLoaders } from '../../batch/loaders.ts';
import { agents, type AgentRow } from './table.ts';

export interface AgentLoaders {
  readonly agentById: DataLoader<string, AgentRow | null>;
  readonly agents: ListLoaders<AgentRow>;
}

declare module '../context.ts' {
  interface Loaders extends AgentLoaders {}
}

/** The loaders of agents. */
export function createAgentLoaders(context: BatchContext): AgentLoaders {
  return {
    agentById: createRowLoader(context, agents),
    agents: createListLoaders(context, { name: 'Query.agents', table: agents, parent: undefined }),
  };
}
