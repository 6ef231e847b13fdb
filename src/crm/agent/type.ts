import { defineType } from '../define-type.ts';
import { agentLoaders } from './loaders.ts';
import { agentResolvers } from './resolvers.ts';
import { agents } from './table.ts';

export const agent = defineType({
  table: agents,
  loaders: agentLoaders,
  resolvers: agentResolvers,
  commands: {},
  node: 'agentById',
});
