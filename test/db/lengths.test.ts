import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { AGENT_LENGTHS } from '../../src/crm/agent/lengths.ts';
import { ADDRESS_LENGTHS, CUSTOMER_LENGTHS } from '../../src/crm/customer/lengths.ts';
import { INTERACTION_LENGTHS } from '../../src/crm/interaction/lengths.ts';
import { ORDER_LENGTHS } from '../../src/crm/order/lengths.ts';
import { PRODUCT_LENGTHS } from '../../src/crm/product/lengths.ts';
import { TICKET_LENGTHS } from '../../src/crm/ticket/lengths.ts';

const schema = readFileSync(join(import.meta.dirname, '../../prisma/schema.prisma'), 'utf8');

/** The length of a model's VARCHAR column. */
function columnLength(model: string, field: string): number {
  const body = new RegExp(`^model ${model} \\{\\n([^}]*)`, 'm').exec(schema)?.[1] ?? '';
  return Number(new RegExp(`^ +${field} .*@db\\.VarChar\\((\\d+)\\)`, 'm').exec(body)?.[1]);
}

const { tag, ...customer } = CUSTOMER_LENGTHS;

test.each([
  ['Agent', AGENT_LENGTHS],
  ['Customer', customer],
  ['CustomerTag', { tag }],
  ['CustomerAddress', ADDRESS_LENGTHS],
  ['Product', PRODUCT_LENGTHS],
  ['Order', ORDER_LENGTHS],
  ['Ticket', TICKET_LENGTHS],
  ['Interaction', { externalId: INTERACTION_LENGTHS.externalId }],
])('the texts of %s may be as long as their columns', (model, lengths) => {
  const columns = Object.keys(lengths).map((field) => [field, columnLength(model, field)]);
  expect(Object.fromEntries(columns)).toEqual(lengths);
});
