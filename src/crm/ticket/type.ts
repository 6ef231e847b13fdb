import { defineType } from '../define-type.ts';
import { openTicket, updateTicket } from './commands.ts';
import { ticketLoaders } from './loaders.ts';
import { ticketResolvers } from './resolvers.ts';
import { tickets } from './table.ts';

export const ticket = defineType({
  table: tickets,
  loaders: ticketLoaders,
  resolvers: ticketResolvers,
  commands: { openTicket, updateTicket },
  node: 'ticketById',
});
