import { connectionResolvers } from '../../relay/connection.ts';
import { createError } from '../../errors.ts';
import type { SubscriptionCustomerChangedArgs } from '../../generated/graphql.ts';
import { connectionOf } from '../connections.ts';
import type { Context, CustomerEvent } from '../context.ts';
import { globalId, rowIdOf } from '../global-id.ts';
import { money } from '../money.ts';
import { shownFields } from '../changes.ts';
import { loadOptional } from '../relations.ts';
import type { ResolversOf } from '../resolver-types.ts';
import { readKey } from '../text.ts';
import type { CustomerPayload } from './commands.ts';
import { customerConditions, parseSearchText } from './filter.ts';
import { searchConnection } from './search/loader.ts';

const customerPayload = {
  customer: ({ customerId }: CustomerPayload, _: unknown, { loaders }: Context) =>
    loadOptional(loaders.customerById, customerId),
};

export const customerResolvers = {
  Query: {
    customer: (_, { by }, { loaders }) => {
      if (by.id !== undefined) return loaders.customerById.load(rowIdOf('Customer', by.id, 'by.id'));
      if (by.email !== undefined) return loaders.customerByEmail.load(by.email);
      return loaders.customerByExternalId.load(readKey(by.externalId));
    },
    customers: (_, { filter, ...args }, { loaders, paging }) =>
      connectionOf(loaders.customers, { conditions: customerConditions(filter), args }, paging),
    searchCustomers: (_, { text, ...args }, { loaders, paging }) =>
      searchConnection(loaders.customerSearch, parseSearchText(text), { args, paging }),
  },
  Agent: {
    customers: (agent, { filter, ...args }, { loaders, paging }) =>
      connectionOf(
        loaders.customersByOwner,
        { parent: agent.id, conditions: customerConditions(filter), args },
        paging,
      ),
  },
  Customer: {
    id: (customer) => globalId('Customer', customer.id),
    tags: async (customer, _, { loaders }) => {
      const rows = await loaders.tagsByCustomer.load(customer);
      return rows.map((row) => row.tag);
    },
    addresses: async (customer, _, { loaders }) => [...(await loaders.addressesByCustomer.load(customer))],
    owner: (customer, _, { loaders }) => loadOptional(loaders.agentById, customer.ownerId),
    summary: async (customer, _, { loaders }) =>
      (await loaders.summaryByCustomer.load(customer.id)) ?? {
        id: customer.id,
        orderCount: 0,
        openTicketCount: 0,
        lastOrderAt: null,
      },
    changes: (customer, args, { loaders, paging }) =>
      connectionOf(loaders.changesByCustomer, { parent: customer.id, args }, paging),
  },
  CustomerSummary: {
    lifetimeValue: async (summary, _, { loaders }) => {
      const values = await loaders.valuesByCustomer.load(summary);
      return values.map((value) => money(value.amount, value.currency));
    },
  },
  Change: {
    fields: (change, _, context) => shownFields(change.changes, context),
    nodeId: ({ customerId, subjectType, subjectId }) =>
      subjectType === null || subjectId === null ? globalId('Customer', customerId) : globalId(subjectType, subjectId),
  },
  CustomerConnection: connectionResolvers,
  ChangeConnection: connectionResolvers,
  Subscription: {
    customerChanged: {
      subscribe: (_, { id }, { customerEvents }) => customerEvents.watch(rowIdOf('Customer', id, 'id')),
      resolve: async (event: CustomerEvent, { id }: SubscriptionCustomerChangedArgs, { loaders }: Context) => {
        const customer = await loaders.customerById.load(rowIdOf('Customer', id, 'id'));
        if (customer === null)
          throw createError('BAD_USER_INPUT', 'Argument "id": there is no such customer; it may have been deleted.');
        event.found(customer.id);
        return customer;
      },
    },
  },
  CreateCustomerPayload: customerPayload,
  UpdateCustomerPayload: customerPayload,
  MergeCustomersPayload: customerPayload,
  AddTagsPayload: customerPayload,
  RemoveTagsPayload: customerPayload,
  SetAddressesPayload: customerPayload,
} satisfies ResolversOf<'Customer' | 'Change'>;
