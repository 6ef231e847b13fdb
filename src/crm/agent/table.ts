import { defineTable, id, nullable, text, type RowOf } from '../../batch/table.ts';
import type { Connection, Edge } from '../../relay/connection.ts';

export const agents = defineTable({
  type: 'Agent',
  name: 'agents',
  columns: { id: id('id'), name: text('name'), email: nullable(text('email')) },
  fields: {},
  sorts: { columns: { NAME: 'name' }, byDefault: { field: 'NAME', direction: 'ASC' } },
  indexes: [['name']],
  uniques: [],
});

export type AgentRow = RowOf<typeof agents.columns>;
export type AgentConnection = Connection<AgentRow>;
export type AgentEdge = Edge<AgentRow>;
