import { defineType } from '../define-type.ts';
import { setAddresses } from './addresses.ts';
import { createCustomer, deleteCustomer, updateCustomer } from './commands.ts';
import { customerLoaders } from './loaders.ts';
import { mergeCustomers } from './merge.ts';
import { customerResolvers } from './resolvers.ts';
import { customers } from './table.ts';
import { addTags, removeTags } from './tags.ts';

export const customer = defineType({
  table: customers,
  loaders: customerLoaders,
  resolvers: customerResolvers,
  commands: {
    createCustomer,
    updateCustomer,
    deleteCustomer,
    mergeCustomers,
    addTags,
    removeTags,
    setAddresses,
  },
  node: 'customerById',
});
