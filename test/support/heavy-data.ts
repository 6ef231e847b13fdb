import type { TypeName } from '../../src/crm/registry.ts';
import { termsInsert } from '../../src/crm/customer/search/terms.ts';
import { DATA_TABLES } from '../../src/data/tables.ts';
import { withConnection } from './servers.ts';

/** Parents with few and with many children, by row id. */
export const FEW = 1;
export const MANY = 2;
const FEW_CHILDREN = 10;
const MANY_CHILDREN = 10_000;

/** The telephone number and the tag that all of the many customers share. */
export const SHARED_PHONE = '+4930123456';
export const SHARED_TAG = 'common';

const pick = (values: readonly string[], by = 'n') => `ELT(1 + ${by} % ${values.length}, '${values.join("', '")}')`;
// Three rows share each time, so that pages begin and end among equal values.
const moment = (step: number) => `'2024-01-01' + INTERVAL (n * ${step} DIV 3) SECOND`;

/** The rows of each type with lists; a new type does not compile without them. */
const INSERTS: Readonly<Record<TypeName | 'Change', string>> = {
  Agent: `INSERT INTO agents (id, name, created_at, updated_at)
   SELECT n, CONCAT('Agent ', LPAD(n DIV 3, 6, '0')), NOW(3), NOW(3) FROM _numbers`,
  Product: `INSERT INTO products (id, sku, name, price, currency, created_at, updated_at)
   SELECT n, CONCAT('P-', n), CONCAT('Product ', LPAD(n DIV 3, 6, '0')), 9.5, 'EUR', NOW(3), NOW(3) FROM _numbers`,
  Customer: `INSERT INTO customers (id, name, email, phone, status, owner_id, created_at, updated_at)
   SELECT n, CONCAT('Name ', LPAD(n DIV 3, 6, '0')), CONCAT('c', LPAD(n, 6, '0'), '@example.com'), '${SHARED_PHONE}',
     ${pick(['LEAD', 'ACTIVE', 'INACTIVE', 'CHURNED'])}, IF(n <= ${FEW_CHILDREN}, ${FEW}, ${MANY}),
     ${moment(60)}, ${moment(90)} FROM _numbers`,
  Order: `INSERT INTO orders (id, number, customer_id, status, currency, total, placed_at, updated_at)
   SELECT n, CONCAT('SO-', n), IF(n <= ${FEW_CHILDREN}, ${FEW}, ${MANY}),
     ${pick(['PENDING', 'PAID', 'SHIPPED', 'DELIVERED'])}, 'EUR', 1, ${moment(60)}, ${moment(90)} FROM _numbers`,
  Ticket: `INSERT INTO tickets (id, number, customer_id, assignee_id, subject, status, priority, opened_at, closed_at, updated_at)
   SELECT n, CONCAT('T-', n), IF(n <= ${FEW_CHILDREN}, ${FEW}, ${MANY}), IF(n <= ${FEW_CHILDREN}, ${FEW}, ${MANY}), 'S',
     ${pick(['OPEN', 'PENDING', 'RESOLVED', 'CLOSED'])}, ${pick(['LOW', 'NORMAL', 'HIGH'], 'n DIV 4')},
     ${moment(60)}, IF(n % 4 < 2, NULL, ${moment(70)}), ${moment(90)} FROM _numbers`,
  Interaction: `INSERT INTO interactions (id, customer_id, ticket_id, kind, body, occurred_at)
   SELECT n, IF(n <= ${FEW_CHILDREN}, ${FEW}, ${MANY}), IF(n <= ${FEW_CHILDREN}, ${FEW}, ${MANY}),
     ${pick(['CALL', 'EMAIL', 'CHAT'])}, 'B', ${moment(60)} FROM _numbers`,
  Change: `INSERT INTO customer_changes (id, customer_id, version, action, changes, occurred_at)
   SELECT n, IF(n <= ${FEW_CHILDREN}, ${FEW}, ${MANY}), n, 'UPDATED', '[]', ${moment(60)} FROM _numbers`,
};

const TAGS = `INSERT INTO customer_tags (customer_id, tag, created_at, updated_at, name, owner_id)
   SELECT id, '${SHARED_TAG}', created_at, updated_at, name, owner_id FROM customers`;

/** Fills a migrated database: in every table 10 rows belong to parent `FEW` and 10,000 to parent `MANY`. */
export async function fillWithManyChildren(databaseUrl: string): Promise<void> {
  await withConnection(databaseUrl, async (connection) => {
    const digits = '(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4';
    const ten = `${digits} UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)`;
    await connection.query('CREATE TABLE _numbers (n INT PRIMARY KEY)');
    await connection.query(
      `INSERT INTO _numbers SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d
       FROM ${ten} a, ${ten} b, ${ten} c, ${ten} e, (SELECT 0 d UNION SELECT 1) f
       WHERE a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d < ${FEW_CHILDREN + MANY_CHILDREN}`,
    );
    for (const insert of [...Object.values(INSERTS), TAGS, termsInsert(() => 'TRUE')]) await connection.query(insert);
    await connection.query('DROP TABLE _numbers');
    await connection.query(`ANALYZE LOCAL TABLE ${DATA_TABLES.join(', ')}`);
  });
}
