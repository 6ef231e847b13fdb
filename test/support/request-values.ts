import { TYPES } from '../../src/crm/registry.ts';
import { nodeId } from './seeded.ts';

const numbers = [1, 2, 3, 5, 8, 13, 21, 34];
const ids = (type: string) => numbers.map((n) => nodeId(type, n));
const NODES = TYPES.flatMap(({ table }) => ids(table.type).slice(0, 3));

/** Values for the leaves of inputs that match seeded data: by name of the input field, else by its type. */
export const REQUEST_VALUES: Readonly<Record<string, readonly unknown[]>> = {
  first: [2, 1, 3, 5, 20],
  last: [2, 1, 3, 5, 20],
  id: NODES,
  ids: NODES,
  ownerId: ids('Agent'),
  agentId: ids('Agent'),
  customerId: ids('Customer'),
  ticketId: ids('Ticket'),
  assigneeId: ids('Agent'),
  keepId: ids('Customer'),
  mergeId: ids('Customer'),
  currency: ['EUR', 'JPY', 'XXX'],
  Decimal: ['19.99', '0.05', '-1', '0'],
  number: numbers.flatMap((n) => [`SO-${String(n).padStart(8, '0')}`, `T-${String(n).padStart(8, '0')}`]),
  externalId: numbers.map((n) => `C-${String(n).padStart(8, '0')}`),
  sku: ['P-001-EUR', 'P-002-EUR', 'none'],
  text: ['a', 'Li', 'ミ', '+49', 'a@'],
  country: ['DE', 'XX', 'de'],
  DateTime: ['2020-01-01T00:00:00.000Z', '2025-06-01T00:00:00Z', '2017-05-01T12:00:00+02:00'],
  EmailAddress: ['ada@example.com', 'nobody@example.org'],
  PhoneNumber: ['+4930123456', '+819012345678'],
  String: ['a', 'VIP', '李', 'x'.repeat(201)],
  Int: [1, 2, 7],
  ID: NODES,
  Boolean: [true, false],
};
