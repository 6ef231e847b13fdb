/**
 * Every table with the users' data, which excludes Prisma's bookkeeping and the gateways' keys. A test checks the list against
 * the migrations.
 */
export const DATA_TABLES = [
  'agents',
  'customers',
  'customer_tags',
  'customer_addresses',
  'customer_stats',
  'customer_values',
  'customer_changes',
  'customer_merges',
  'products',
  'orders',
  'order_items',
  'tickets',
  'interactions',
  'idempotency_keys',
] as const;
