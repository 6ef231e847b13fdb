import { formatAmount, itemTotal, parseAmount, type Amount } from '../../crm/money.ts';
import type { Check, Row } from './check.ts';

/** The totals of items and orders. An order without items has whatever total the imported file said. */
export const TOTAL_CHECKS: readonly Check[] = [
  {
    table: 'order_items',
    field: 'total',
    sql: (within) => `
      SELECT i.order_id, i.position, o.currency, i.quantity, i.unit_price, i.discount, i.total
      FROM orders AS o FORCE INDEX (PRIMARY) JOIN order_items AS i FORCE INDEX (PRIMARY) ON i.order_id = o.id
      WHERE ${within('o.id')}`,
    judge: judgeItem,
  },
  {
    table: 'orders',
    field: 'total',
    sql: (within) => `
      SELECT o.id, SUM(i.total) AS expected, o.total AS found
      FROM orders AS o FORCE INDEX (PRIMARY) JOIN order_items AS i FORCE INDEX (PRIMARY) ON i.order_id = o.id
      WHERE ${within('o.id')} GROUP BY o.id HAVING NOT (expected <=> found)`,
  },
];

/** Uses the integer arithmetic that wrote it. */
function judgeItem(row: Row): Row | undefined {
  const expected = formatAmount(
    itemTotal({
      quantity: Number(row['quantity']),
      unitPrice: amount(row['unit_price']),
      discount: amount(row['discount']),
      currency: String(row['currency']),
    }),
  );
  const { order_id = null, position = null, total: found = null } = row;
  return expected === found ? undefined : { order_id, position, expected, found };
}

function amount(value: Row[string] | undefined): Amount {
  const parsed = parseAmount(String(value));
  if (parsed === undefined) throw new Error(`expected a DECIMAL(19,4), got ${String(value)}`);
  return parsed;
}
