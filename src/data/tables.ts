import { childTablesOf, tablesOf } from '../crm/define-type.ts';
import { SEARCH_TERMS } from '../crm/customer/search/terms.ts';
import { TYPES } from '../crm/registry.ts';

/**
 * Every table with the users' data, which excludes Prisma's bookkeeping and the gateways' keys. A test checks the list against
 * the migrations.
 */
export const DATA_TABLES: readonly string[] = [
  ...tablesOf(TYPES).flatMap(({ name, redirects }) => (redirects === undefined ? [name] : [name, redirects.table])),
  ...childTablesOf(TYPES).map(({ name }) => name),
  SEARCH_TERMS,
  'idempotency_keys',
];
