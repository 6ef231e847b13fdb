import type { BatchContext } from '../batch/loaders.ts';
import type { Table } from '../batch/table.ts';
import { createAgentLoaders } from './agent/loaders.ts';
import { agentResolvers } from './agent/resolvers.ts';
import { agents } from './agent/table.ts';
import type { Loaders } from './context.ts';
import { createCustomerLoaders } from './customer/loaders.ts';
import { customerResolvers } from './customer/resolvers.ts';
import { customerChanges, customers, customerStats } from './customer/table.ts';
import { createInteractionLoaders } from './interaction/loaders.ts';
import { interactionResolvers } from './interaction/resolvers.ts';
import { interactions } from './interaction/table.ts';
import { createOrderLoaders } from './order/loaders.ts';
import { orderResolvers } from './order/resolvers.ts';
import { orders } from './order/table.ts';
import { createProductLoaders } from './product/loaders.ts';
import { productResolvers } from './product/resolvers.ts';
import { products } from './product/table.ts';
import { mergeResolvers, type Intersection, type NeededResolvers } from './resolver-types.ts';
import { rootResolvers, type NodeLoaders } from './root.ts';
import { scalarResolvers } from './scalars.ts';
import { createTicketLoaders } from './ticket/loaders.ts';
import { ticketResolvers } from './ticket/resolvers.ts';
import { tickets } from './ticket/table.ts';

/** The tables that back GraphQL types. */
export const TABLES: readonly Table[] = [
  agents,
  customers,
  customerStats,
  customerChanges,
  interactions,
  orders,
  products,
  tickets,
];

const LOADERS = [
  createAgentLoaders,
  createCustomerLoaders,
  createInteractionLoaders,
  createOrderLoaders,
  createProductLoaders,
  createTicketLoaders,
] as const;

interface LazyLoaders {
  readonly context: BatchContext;
  readonly made: (Readonly<Record<string, unknown>> | undefined)[];
}

/** Has a property for each loader; a type's loaders are created when one of them is first used. */
const LAZY: object = {};
const NOWHERE: BatchContext = {
  db: { read: () => Promise.reject(new Error('no database')) },
  columnsOf: () => [],
  tags: new Set(),
};
for (const [i, create] of LOADERS.entries())
  for (const name of Object.keys(create(NOWHERE)))
    Object.defineProperty(LAZY, name, {
      get(this: LazyLoaders) {
        return (this.made[i] ??= { ...create(this.context) })[name];
      },
    });

/** The loaders of every type, for one request. */
export function createLoaders(context: BatchContext): Loaders {
  const own: LazyLoaders = { context, made: [] };
  // The compiler cannot see the properties defined dynamically above; this annotation checks their types.
  const loaders: Intersection<ReturnType<(typeof LOADERS)[number]>> = Object.assign(Object.create(LAZY), own);
  return loaders;
}

/** How to load a row of each type by its id. */
const NODE_LOADERS: NodeLoaders = {
  Agent: (loaders) => loaders.agentById,
  Customer: (loaders) => loaders.customerById,
  Interaction: (loaders) => loaders.interactionById,
  Order: (loaders) => loaders.orderById,
  Product: (loaders) => loaders.productById,
  Ticket: (loaders) => loaders.ticketById,
};

const merged = mergeResolvers(
  rootResolvers(NODE_LOADERS),
  agentResolvers,
  customerResolvers,
  interactionResolvers,
  orderResolvers,
  productResolvers,
  ticketResolvers,
);

/** The resolvers of the whole schema. It does not compile if one is missing. */
export const resolvers: typeof merged & NeededResolvers = { ...merged, ...scalarResolvers };
