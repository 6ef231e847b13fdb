import { SEARCH_TERMS, termsSelect } from '../../crm/customer/search/terms.ts';
import type { Check } from './check.ts';

/** Compares search terms with the names and telephone numbers of customers. The terms themselves are personal, so only their numbers are shown. */
export const TERM_CHECKS: readonly Check[] = [
  {
    table: SEARCH_TERMS,
    field: 'rows',
    repair: 'terms',
    // Both sides together, as a LEFT JOIN in either direction would compute each twice.
    sql: (within) => `
      SELECT u.customer_id, SUM(u.is_expected) AS expected,
        CONCAT(SUM(u.is_found AND u.is_expected), ' of them and ', SUM(NOT u.is_expected), ' others') AS found
      FROM (
        SELECT b.customer_id, b.term, b.kind, MAX(b.is_expected) AS is_expected, MIN(b.is_expected) = 0 AS is_found
        FROM (
          SELECT e.customer_id, e.term, e.kind, 1 AS is_expected FROM (${termsSelect(within)}) AS e
          UNION ALL
          SELECT s.customer_id, s.term, s.kind, 0 FROM ${SEARCH_TERMS} AS s FORCE INDEX (PRIMARY)
          WHERE ${within('s.customer_id')}
        ) AS b GROUP BY b.customer_id, b.term, b.kind
      ) AS u GROUP BY u.customer_id HAVING SUM(u.is_found AND u.is_expected) <> COUNT(*)`,
  },
];
