import { connectionResolvers, createConnection } from '../../connection/connection.ts';
import type { Resolvers } from '../../generated/graphql.ts';
import { NEWEST_FIRST } from '../filters.ts';
import { globalId, rowIdOf } from '../global-id.ts';
import { money } from '../money.ts';
import { createCustomer, deleteCustomer, updateCustomer } from './commands.ts';
import { customerConditions, customerSort, searchRequest } from './lists.ts';

export const customerResolvers = {
  Query: {
    customer: (_, { by }, { loaders }) => {
      if (by.id !== undefined) return loaders.customerById.load(rowIdOf('Customer', by.id, 'by.id'));
      if (by.email !== undefined) return loaders.customerByEmail.load(by.email);
      return loaders.customerByExternalId.load(by.externalId);
    },
    customers: (_, { filter, orderBy, ...args }, { loaders, pageBounds }) =>
      createConnection(
        loaders.customers,
        { parent: null, conditions: customerConditions(filter), sort: customerSort(orderBy) },
        { args, bounds: pageBounds },
      ),
    searchCustomers: (_, { text, ...args }, { loaders, pageBounds }) =>
      createConnection(loaders.customerSearch, searchRequest(text), { args, bounds: pageBounds }),
  },
  Agent: {
    customers: (agent, { filter, orderBy, ...args }, { loaders, pageBounds }) =>
      createConnection(
        loaders.customersByOwner,
        { parent: agent.id, conditions: customerConditions(filter), sort: customerSort(orderBy) },
        { args, bounds: pageBounds },
      ),
  },
  Customer: {
    id: (customer) => globalId('Customer', customer.id),
    tags: async (customer, _, { loaders }) => {
      const rows = await loaders.tagsByCustomer.load(customer.id);
      return rows.map((row) => row.tag);
    },
    addresses: async (customer, _, { loaders }) => [...(await loaders.addressesByCustomer.load(customer.id))],
    owner: (customer, _, { loaders }) => (customer.ownerId === null ? null : loaders.agentById.load(customer.ownerId)),
    summary: async (customer, _, { loaders }) =>
      (await loaders.summaryByCustomer.load(customer.id)) ?? {
        id: customer.id,
        orderCount: 0,
        openTicketCount: 0,
        lastOrderAt: null,
      },
    changes: (customer, args, { loaders, pageBounds }) =>
      createConnection(
        loaders.changesByCustomer,
        {
          parent: customer.id,
          conditions: [],
          sort: NEWEST_FIRST,
        },
        { args, bounds: pageBounds },
      ),
  },
  CustomerSummary: {
    lifetimeValue: async (summary, _, { loaders }) => {
      const values = await loaders.valuesByCustomer.load(summary.id);
      return values.map((value) => money(value.amount, value.currency));
    },
  },
  Change: {
    fields: (change) => JSON.parse(change.changes),
  },
  CustomerConnection: connectionResolvers,
  ChangeConnection: connectionResolvers,
  Mutation: {
    createCustomer: (_, { input }, { writer }) => createCustomer(writer, input),
    updateCustomer: (_, { input }, { writer }) => updateCustomer(writer, input),
    deleteCustomer: (_, { input }, { writer }) => deleteCustomer(writer, input),
  },
  CreateCustomerPayload: {
    customer: ({ customerId }, _, { loaders }) => (customerId === null ? null : loaders.customerById.load(customerId)),
  },
  UpdateCustomerPayload: {
    customer: ({ customerId }, _, { loaders }) => (customerId === null ? null : loaders.customerById.load(customerId)),
  },
} satisfies Resolvers;
