import type { BatchContext } from '../batch/loader.ts';
import { agent } from './agent/type.ts';
import { customer } from './customer/type.ts';
import {
  createLoadersOf,
  mutationResolversOf,
  nodeLoadersOf,
  tablesOf,
  type LoadersOf,
  type TypeDefinition,
} from './define-type.ts';
import { interaction } from './interaction/type.ts';
import { order } from './order/type.ts';
import { product } from './product/type.ts';
import { mergeResolvers, type Intersection, type NeededResolvers } from './resolver-types.ts';
import { rootResolvers } from './root.ts';
import { scalarResolvers } from './scalars.ts';
import { ticket } from './ticket/type.ts';

/** Every CRM type. Code that handles all types takes them from this list. */
export const TYPES = [
  agent,
  customer,
  interaction,
  order,
  product,
  ticket,
] as const satisfies readonly TypeDefinition[];

type AnyType = (typeof TYPES)[number];

/** The name of a type, as in the schema. */
export type TypeName = AnyType['table']['type'];

/** The tables that back GraphQL types. */
export const TABLES = tablesOf(TYPES);

/** Creates the loaders of every type, for one request. */
export const createLoaders: (context: BatchContext) => Intersection<LoadersOf<AnyType['loaders']>> =
  createLoadersOf(TYPES);

/** The resolvers of the whole schema. It does not compile if one is missing. */
export function createResolvers() {
  const fields = mergeResolvers(rootResolvers(nodeLoadersOf(TYPES)), ...TYPES.map(({ resolvers }) => resolvers));
  return { ...fields, ...scalarResolvers, Mutation: mutationResolversOf(TYPES) } satisfies NeededResolvers;
}
