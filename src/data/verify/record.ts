import type { Table } from '../../batch/table.ts';
import { ownedTablesOf } from '../../crm/define-type.ts';
import { customerIndex } from '../../crm/owned-rows.ts';
import { TYPES } from '../../crm/registry.ts';
import { OPEN_STATES } from '../../crm/states.ts';
import { textLiterals } from '../sql-text.ts';
import type { Check } from './check.ts';

/** The types whose rows belong to customers, and may be the subject of a change. */
const OWNED = ownedTablesOf(TYPES).map(({ table }) => table);

const SUBJECTS = OWNED.map(
  ({ name, type }) =>
    `LEFT JOIN ${name} FORCE INDEX (PRIMARY) ON ${name}.id = h.subject_id AND h.subject_type = '${type}'`,
).join('\n');

const CHANGES = 'customer_changes AS h FORCE INDEX (customer_changes_customer_id_occurred_at_id_idx)';

/**
 * A row's version must be that of its last entry in its customer's record; seeded and imported rows have no entries until they
 * are changed. The `+ 0` keeps MariaDB from its `split_materialized` optimization, which would read a customer's whole record
 * again for each row.
 */
const subjectVersion = (table: Table): Check => ({
  table: table.name,
  field: 'version',
  sql: (within) => `
    SELECT s.id, COALESCE(r.version, 1) AS expected, s.version AS found
    FROM ${table.name} AS s FORCE INDEX (${customerIndex(table)})
    LEFT JOIN (
      SELECT h.customer_id + 0 AS customer_id, h.subject_id, MAX(h.version) AS version FROM ${CHANGES}
      WHERE ${within('h.customer_id')} AND h.subject_type = '${table.type}' GROUP BY h.customer_id + 0, h.subject_id
    ) AS r ON r.customer_id = s.customer_id AND r.subject_id = s.id
    WHERE ${within('s.customer_id')} AND s.version <> COALESCE(r.version, 1)`,
});

/** Rows created by the gateway, by their entries; their invariants do not hold for imported ones. */
const made = (type: string, table: string): string => `${CHANGES}
  JOIN ${table} AS s FORCE INDEX (PRIMARY) ON s.id = h.subject_id AND h.subject_type = '${type}' AND h.action = 'CREATED'`;

/** Versions compared with the record of changes. */
export const RECORD_CHECKS: readonly Check[] = [
  {
    table: 'customers',
    field: 'version',
    sql: (within) => `
      SELECT c.id, (
        SELECT MAX(h.version) FROM ${CHANGES} WHERE h.customer_id = c.id AND h.subject_type IS NULL
      ) AS expected, c.version AS found
      FROM customers AS c FORCE INDEX (PRIMARY) WHERE ${within('c.id')} HAVING NOT (expected <=> found)`,
  },
  ...OWNED.filter((table) => 'version' in table.columns).map(subjectVersion),
  {
    table: 'customer_changes',
    field: 'version',
    // After a merge, a version is later than that of either customer. Only subjects that lack some versions are read entry by entry.
    sql: (within) => `
      SELECT customer_id, subject_type, subject_id,
        CONCAT('one entry each from ', MIN(version), ' to ', MAX(version)) AS expected,
        GROUP_CONCAT(version ORDER BY version) AS found
      FROM (
        SELECT h.customer_id, h.subject_type, h.subject_id, h.version, h.action,
          LAG(h.version) OVER (PARTITION BY h.customer_id, h.subject_type, h.subject_id ORDER BY h.version) AS previous
        FROM (
          SELECT h.customer_id, h.subject_type, h.subject_id FROM ${CHANGES} WHERE ${within('h.customer_id')}
          GROUP BY h.customer_id, h.subject_type, h.subject_id
          HAVING COUNT(*) <> COUNT(DISTINCT h.version) OR COUNT(*) <> MAX(h.version) - MIN(h.version) + 1
        ) AS s STRAIGHT_JOIN ${CHANGES}
          ON h.customer_id = s.customer_id AND h.subject_type <=> s.subject_type AND h.subject_id <=> s.subject_id
      ) AS v GROUP BY customer_id, subject_type, subject_id
      HAVING SUM(version <> previous + 1 AND NOT (action = 'MERGED' AND version > previous + 1)) > 0`,
  },
  {
    table: 'customer_changes',
    field: 'subject_id',
    // Only for customers that exist: of a deleted one, only the record remains.
    sql: (within) => `
      SELECT DISTINCT h.customer_id, h.subject_type, CONCAT('row ', h.subject_id) AS expected, NULL AS found
      FROM ${CHANGES} JOIN customers AS c FORCE INDEX (PRIMARY) ON c.id = h.customer_id
      ${SUBJECTS}
      WHERE ${within('h.customer_id')} AND h.subject_type IN (${textLiterals(OWNED.map(({ type }) => type))})
        AND COALESCE(${OWNED.map(({ name }) => `${name}.id`).join(', ')}) IS NULL`,
  },
  {
    table: 'orders',
    field: 'items',
    sql: (within) => `
      SELECT s.id, 'at least 1' AS expected, 0 AS found FROM ${made('Order', 'orders')}
      LEFT JOIN order_items AS i FORCE INDEX (PRIMARY) ON i.order_id = s.id
      WHERE ${within('h.customer_id')} AND i.order_id IS NULL`,
  },
  {
    table: 'tickets',
    field: 'closed_at',
    // Those that other programs wrote may lack one.
    sql: (within) => `
      SELECT s.id, CONCAT('a time, since it is ', s.status) AS expected, NULL AS found FROM ${made('Ticket', 'tickets')}
      WHERE ${within('h.customer_id')} AND s.status NOT IN (${textLiterals(OPEN_STATES)}) AND s.closed_at IS NULL`,
  },
];
