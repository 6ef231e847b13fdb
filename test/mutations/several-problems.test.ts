import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { idOf, startWritingGateway, ticketOf, type WritingGateway } from './writing-gateway.ts';

const NOBODY = idOf('Customer', 999_999);
const NO_AGENT = idOf('Agent', 999_999);
const TAKEN = { email: 'taken@example.com', externalId: 'taken' };

type Problem = [code: string, path: string, message: string];

const noAgent = (field: string): Problem => ['NOT_FOUND', field, 'There is no such agent.'];
const noCustomer = (field: string): Problem => ['NOT_FOUND', field, 'There is no such customer.'];
const taken = (thing: string, field: string): Problem => [
  'ALREADY_EXISTS',
  field,
  `${thing === 'order' ? 'An' : 'A'} ${thing} has this ${field} already.`,
];
const OF_CUSTOMER = [noAgent('ownerId'), taken('customer', 'email'), taken('customer', 'externalId')];
const SAME_TAGS: Problem = [
  'INVALID_INPUT',
  'tags',
  'Expected tags that differ, got "ガ" and "か", which count as the same.',
];
const NO_PRODUCT: Problem = ['NOT_FOUND', 'items.0.product', 'There is no such product.'];

let gateway: WritingGateway;
let own: string;
let closed: string;
let former: string;

beforeAll(async () => {
  gateway = await startWritingGateway();
  const created = await Promise.all(
    [{ ...TAKEN, name: 'Taken' }, { name: 'Own' }].map((input) => gateway.create(input)),
  );
  const [other = '', self = ''] = created.map(({ customer }) => customer?.id);
  own = self;
  const [product] = await gateway.sql('SELECT sku FROM products LIMIT 1');
  const items = [anItem(String(product?.['sku']))];
  const order = { customerId: own, number: 'taken', currency: 'EUR', items };
  expect((await gateway.order(order)).userErrors).toEqual([]);
  const ticket = ticketOf(await gateway.openTicket({ customerId: other, number: 'taken', subject: 'Taken' }));
  closed = ticketOf(await gateway.updateTicket({ id: ticket.id, status: 'CLOSED' })).id;
  const merged = await gateway.create({ name: 'Former', externalId: 'former' });
  former = merged.customer?.id ?? '';
  await gateway.merge({ keepId: other, mergeId: former });
});

afterAll(() => gateway.close());

const anItem = (sku: string) => ({ product: { sku }, quantity: 1, unitPrice: '1.00' });

type Row = [mutation: keyof WritingGateway, what: string, input: () => object, problems: Problem[]];

const ROWS: Row[] = [
  [
    'create',
    'an owner that does not exist, keys that another has, equal tags',
    () => ({ name: 'Ada', ownerId: NO_AGENT, ...TAKEN, tags: ['ガ', 'か'] }),
    [...OF_CUSTOMER, SAME_TAGS],
  ],
  ['update', 'the same fields', () => ({ id: own, ownerId: NO_AGENT, ...TAKEN }), OF_CUSTOMER],
  [
    'update',
    'a stale version, and an external id that leads to another customer',
    () => ({ id: own, expectedVersion: 99, externalId: 'former', email: TAKEN.email }),
    [
      ['CONFLICT', 'expectedVersion', 'Expected version 99, found 1.'],
      taken('customer', 'email'),
      taken('customer', 'externalId'),
    ],
  ],
  [
    'update',
    'a customer that does not exist',
    () => ({ id: NOBODY, ownerId: NO_AGENT, ...TAKEN }),
    [noCustomer('id'), ...OF_CUSTOMER],
  ],
  ['update', "a merged customer's own keys", () => ({ id: former, ownerId: NO_AGENT, ...TAKEN }), [noAgent('ownerId')]],
  [
    'merge',
    'customers that do not exist',
    () => ({ keepId: idOf('Customer', 999_998), mergeId: NOBODY }),
    [noCustomer('keepId'), noCustomer('mergeId')],
  ],
  [
    'order',
    'a customer and a product that do not exist, and a number that another has',
    () => ({ customerId: NOBODY, number: 'taken', currency: 'EUR', items: [anItem('none')] }),
    [noCustomer('customerId'), NO_PRODUCT, taken('order', 'number')],
  ],
  [
    'openTicket',
    'a customer and an agent that do not exist, and a number that another has',
    () => ({ customerId: NOBODY, number: 'taken', subject: 'Mug', assigneeId: NO_AGENT }),
    [noCustomer('customerId'), noAgent('assigneeId'), taken('ticket', 'number')],
  ],
  [
    'updateTicket',
    'a transition that is not allowed, and an agent that does not exist',
    () => ({ id: closed, status: 'PENDING', assigneeId: NO_AGENT }),
    [['INVALID_TRANSITION', 'status', expect.stringContaining('CLOSED') as unknown as string], noAgent('assigneeId')],
  ],
  [
    'log',
    "another customer's ticket, and an agent that does not exist",
    () => ({ customerId: own, ticketId: closed, kind: 'CALL', body: 'Hello', agentId: NO_AGENT }),
    [['NOT_FOUND', 'ticketId', 'There is no such ticket for this customer.'], noAgent('agentId')],
  ],
  [
    'log',
    'a customer, a ticket and an agent that do not exist',
    () => ({ customerId: NOBODY, ticketId: idOf('Ticket', 999_999), kind: 'CALL', body: 'Hello', agentId: NO_AGENT }),
    [
      noCustomer('customerId'),
      ['NOT_FOUND', 'ticketId', 'There is no such ticket for this customer.'],
      noAgent('agentId'),
    ],
  ],
];

describe('everything that only the database can tell is reported at once:', () => {
  test.each(ROWS)('%s with %s', async (...[mutation, what, input, problems]) => {
    const write = gateway[mutation] as (input: object) => Promise<{ userErrors: unknown }>;
    const before = await gateway.everything();
    const userErrors = problems.map(([code, path, message]) => ({
      code,
      message,
      path: ['input', ...path.split('.')],
    }));
    expect((await write(input())).userErrors).toEqual(userErrors);
    expect(await gateway.everything()).toEqual(before);
    const keyed = { ...input(), idempotencyKey: `${mutation} ${what}` };
    // Executed, and repeated.
    for (let sent = 0; sent < 2; sent += 1) expect((await write(keyed)).userErrors).toEqual(userErrors);
  });
});

test('what one customer has itself is no problem beside one', async () => {
  const fields = { externalId: 'mine', email: 'mine@example.com' };
  await gateway.update({ id: own, ...fields });
  const { userErrors } = await gateway.update({ id: own, ...fields, ownerId: NO_AGENT });
  expect(userErrors.map(({ path }) => path)).toEqual([['input', 'ownerId']]);
});
