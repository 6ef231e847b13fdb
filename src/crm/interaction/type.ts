import { defineType } from '../define-type.ts';
import { logInteraction } from './commands.ts';
import { interactionLoaders } from './loaders.ts';
import { interactionResolvers } from './resolvers.ts';
import { interactions } from './table.ts';

export const interaction = defineType({
  table: interactions,
  loaders: interactionLoaders,
  resolvers: interactionResolvers,
  commands: { logInteraction },
  node: 'interactionById',
});
