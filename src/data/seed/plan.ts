import type { TypeName } from '../../crm/registry.ts';
import { createRandom, createWeighted, type Random } from './random.ts';

/** What determines the seed's rows: equal parameters give byte-identical seeds. */
export interface SeedParameters {
  readonly customers: number;
  /** The mean, exact over each block of 1,000 customers. */
  readonly ordersPerCustomer: number;
  readonly seed: number;
}

export const DAY_MS = 86_400_000;
/** Customers that are written in one transaction, with everything that belongs to them. */
const BLOCK_CUSTOMERS = 1_000;
/** The end of the seed's time span. It does not depend on today, so that next year's seed is the same. */
export const SEED_END_MS = Date.UTC(2026, 0, 1);
const SEED_START_MS = Date.UTC(2016, 0, 1);

const TICKETS_PER_MILLE = 300;
const INTERACTIONS_PER_MILLE = 800;

/** One block. Its number determines every id in it, so that blocks can be generated in any order, and again. */
export interface Block {
  readonly parameters: SeedParameters;
  readonly random: Random;
  readonly firstCustomerId: number;
  readonly firstOrderId: number;
  readonly firstTicketId: number;
  readonly firstInteractionId: number;
  /** How many of each the block's customers have, by position in the block. */
  readonly orders: readonly number[];
  readonly tickets: readonly number[];
  readonly interactions: readonly number[];
}

/** How many blocks a seed has. */
export function blockCount(parameters: SeedParameters): number {
  return Math.ceil(parameters.customers / BLOCK_CUSTOMERS);
}

/** The types whose rows are made once, before the customers (catalogue.ts); all others come with customers. */
export type CatalogueType = 'Agent' | 'Product';

/**
 * How many rows of each type there are after the blocks of `customers` customers. A new type needs its number here, and its rows
 * in block.ts: if the numbers of rows in the database differ, the seed refuses it as not its own.
 */
export function rowsAfter(
  customers: number,
  ordersPerCustomer: number,
): Readonly<Record<Exclude<TypeName, CatalogueType>, number>> {
  return {
    Customer: customers,
    Order: customers * ordersPerCustomer,
    Ticket: perMille(customers, TICKETS_PER_MILLE),
    Interaction: perMille(customers, INTERACTIONS_PER_MILLE),
  };
}

/** How many customers a block has: 1,000, or the remainder in the last one. */
export function customersInBlock(parameters: SeedParameters, index: number): number {
  return Math.min(BLOCK_CUSTOMERS, parameters.customers - index * BLOCK_CUSTOMERS);
}

/** Plans block `index` (from 0): who has how many orders, tickets and interactions. */
export function planBlock(parameters: SeedParameters, index: number): Block {
  const random = createRandom(parameters.seed, index + 1);
  const customers = customersInBlock(parameters, index);
  const before = rowsAfter(index * BLOCK_CUSTOMERS, parameters.ordersPerCustomer);
  const own = rowsAfter(customers, parameters.ordersPerCustomer);
  const heavy = random.below(customers);
  return {
    parameters,
    random,
    firstCustomerId: before.Customer + 1,
    firstOrderId: before.Order + 1,
    firstTicketId: before.Ticket + 1,
    firstInteractionId: before.Interaction + 1,
    orders: shareOrders(random, { customers, heavy, ordersPerCustomer: parameters.ordersPerCustomer }),
    tickets: scatter(random, { customers, heavy, total: own.Ticket }),
    interactions: scatter(random, { customers, heavy, total: own.Interaction }),
  };
}

/** When a customer was created: roughly in the order of ids, within some weeks, and often at midnight, as after imports. */
export function createdAtMs(block: Block, customerId: number): number {
  const { random, parameters } = block;
  const span = SEED_END_MS - SEED_START_MS;
  const steady = SEED_START_MS + Math.floor((customerId / (parameters.customers + 1)) * span);
  const days = random.between(-45, 45);
  const moved = steady + days * DAY_MS + random.below(60_000);
  const kept = Math.max(SEED_START_MS, Math.min(SEED_END_MS - 2 * DAY_MS, moved));
  return random.chance(150) ? kept - (kept % DAY_MS) : kept;
}

// The mean is about 2 at 5 orders per customer; the block's one heavy customer has the other 3,000.
const LIGHT_MEAN_BASE = 5;
const pickLight = createWeighted([
  [0, 250],
  [1, 250],
  [2, 200],
  [3, 120],
  [4, 80],
  [5, 60],
  [7, 20],
  [10, 12],
  [16, 6],
  [25, 2],
] as const);

function shareOrders(
  random: Random,
  share: { customers: number; heavy: number; ordersPerCustomer: number },
): readonly number[] {
  let left = share.customers * share.ordersPerCustomer;
  const counts = Array.from({ length: share.customers }, () => 0);
  for (let place = 0; place < share.customers; place += 1) {
    if (place === share.heavy) continue;
    const light = pickLight(random) * share.ordersPerCustomer + random.below(LIGHT_MEAN_BASE);
    const count = Math.min(left, Math.floor(light / LIGHT_MEAN_BASE));
    counts[place] = count;
    left -= count;
  }
  counts[share.heavy] = left;
  return counts;
}

function scatter(random: Random, share: { customers: number; heavy: number; total: number }): readonly number[] {
  const counts = Array.from({ length: share.customers }, () => 0);
  for (let one = 0; one < share.total; one += 1) {
    const place = random.chance(50) ? share.heavy : random.below(share.customers);
    counts[place] = (counts[place] ?? 0) + 1;
  }
  return counts;
}

function perMille(count: number, perThousand: number): number {
  return Math.floor((count * perThousand) / 1_000);
}
