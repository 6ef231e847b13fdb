import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { idOf, rowOf, startWritingGateway, ticketOf, type Row, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;

beforeAll(async () => {
  gateway = await startWritingGateway();
});

afterAll(() => gateway.close());

afterEach(() => {
  jest.restoreAllMocks();
});

const customerId = idOf('Customer', 2);
const ticket = (more: object = {}) => ({ customerId, subject: 'Parcel is late', ...more });

const statsOf = async (id: number): Promise<Row | undefined> =>
  (await gateway.sql('SELECT * FROM customer_stats WHERE customer_id = ?', [id]))[0];

/** Sets the random bytes of the next numbers, one byte for each. */
const rollNumbers = (...bytes: readonly number[]) => {
  const rolls = bytes.values();
  return jest.spyOn(crypto, 'getRandomValues').mockImplementation((array) => {
    if (!(array instanceof Uint8Array)) throw new Error('expected bytes to fill');
    array.fill(rolls.next().value ?? 0);
    return array;
  });
};

describe('openTicket', () => {
  test('writes one row, counts it, adds an entry to the record of changes, and nothing else', async () => {
    const before = await gateway.everything();
    const input = { number: ' A-1 ', subject: ' Where “is” it? 📦 ', priority: 'URGENT', assigneeId: idOf('Agent', 1) };
    const answer = await gateway.openTicket(ticket(input));
    const { id, number, status, closedAt, version } = ticketOf(answer);
    expect(answer).toMatchObject({ ticket: { subject: 'Where “is” it? 📦' }, userErrors: [] });
    expect([number, status, closedAt, version]).toEqual(['A-1', 'OPEN', null, 1]);
    const after = await gateway.everything();
    const rowId = BigInt(rowOf(id));
    const row = after['tickets']?.at(-1);
    const at = row?.['opened_at'];
    expect(row).toEqual({
      ...{ id: rowId, number: 'A-1', customer_id: 2n, assignee_id: 1n, subject: 'Where “is” it? 📦' },
      ...{ status: 'OPEN', priority: 'URGENT', opened_at: at, closed_at: null, updated_at: at, version: 1 },
    });
    const change = after['customer_changes']?.at(-1);
    expect(change).toEqual({
      ...{ id: change?.['id'], customer_id: 2n, subject_type: 'Ticket', subject_id: rowId, version: 1 },
      ...{ action: 'CREATED', actor: null, occurred_at: at },
      changes: JSON.stringify([
        { field: 'number', before: null, after: 'A-1' },
        { field: 'status', before: null, after: 'OPEN' },
        { field: 'subject', before: null, after: 'Where “is” it? 📦' },
        { field: 'priority', before: null, after: 'URGENT' },
        { field: 'assigneeId', before: null, after: '1' },
      ]),
    });
    const counted = before['customer_stats']?.map((stats) =>
      stats['customer_id'] === 2n ? { ...stats, open_ticket_count: Number(stats['open_ticket_count']) + 1 } : stats,
    );
    expect({
      ...after,
      tickets: after['tickets']?.slice(0, -1),
      customer_changes: after['customer_changes']?.slice(0, -1),
    }).toEqual({ ...before, customer_stats: counted });
  });

  test('with only a customer and a subject opens a ticket now, with normal priority and without an assignee', async () => {
    const before = Date.now();
    const { id } = ticketOf(await gateway.openTicket(ticket({ number: null, assigneeId: null })));
    const { node } = await gateway.data(
      'query($id: ID!) { node(id: $id) { ... on Ticket { priority assignee { id } status openedAt updatedAt } } }',
      { id },
    );
    expect(node).toMatchObject({ priority: 'NORMAL', assignee: null, status: 'OPEN', updatedAt: node.openedAt });
    expect(Date.parse(node.openedAt)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(node.openedAt)).toBeLessThanOrEqual(Date.now());
  });

  test('generates a number from the day and eight unambiguous characters if none is given', async () => {
    const days = new Set<string>();
    const numbers = new Set<string>();
    for (let made = 0; made < 20; made += 1) {
      days.add(new Date().toISOString().slice(2, 10).replaceAll('-', ''));
      numbers.add(ticketOf(await gateway.openTicket(ticket())).number);
    }
    expect(numbers.size).toBe(20);
    for (const number of numbers) expect(number).toMatch(/^T-\d{6}-[0-9A-HJKMNP-TV-Z]{8}$/);
    expect(new Set([...numbers].map((number) => number.slice(2, 8)))).toEqual(days);
  });

  test('generates another number if the first is taken, and writes once', async () => {
    const rolled = rollNumbers(0, 32, 64, 255);
    const first = ticketOf(await gateway.openTicket(ticket()));
    expect(first.number).toMatch(/-00000000$/);
    const before = await gateway.everything();
    const second = ticketOf(await gateway.openTicket(ticket({ idempotencyKey: 'number' })));
    expect(second.number).toMatch(/-ZZZZZZZZ$/);
    expect(rolled).toHaveBeenCalledTimes(4);
    const after = await gateway.everything();
    const added = (table: string) => (after[table]?.length ?? 0) - (before[table]?.length ?? 0);
    expect([added('tickets'), added('customer_changes')]).toEqual([1, 1]);
  });

  test('gives up after five taken numbers, and writes nothing', async () => {
    const rolled = rollNumbers(1, 1, 1, 1, 1, 1, 1);
    await gateway.openTicket(ticket());
    const before = await gateway.everything();
    expect(await gateway.openTicket(ticket())).toMatchObject({
      ticket: null,
      userErrors: [{ code: 'ALREADY_EXISTS', path: ['input', 'number'] }],
    });
    expect(rolled).toHaveBeenCalledTimes(6);
    expect(await gateway.everything()).toEqual(before);
  });

  test('returns the same ticket if it is repeated with its idempotencyKey, and opens only one', async () => {
    const input = ticket({ idempotencyKey: 'once' });
    const first = await gateway.openTicket(input);
    const before = await gateway.everything();
    expect(await gateway.openTicket(input)).toEqual(first);
    expect(await gateway.everything()).toEqual(before);
  });

  test('computes the counts of a customer without stored counts', async () => {
    const before = await statsOf(3);
    expect(before).toMatchObject({ order_count: expect.any(Number) });
    await gateway.sql('DELETE FROM customer_stats WHERE customer_id = 3');
    await gateway.openTicket(ticket({ customerId: idOf('Customer', 3) }));
    expect(await statsOf(3)).toEqual({ ...before, open_ticket_count: Number(before?.['open_ticket_count']) + 1 });
  });

  test.each([
    ['the list of all', '{ tickets { totalCount } }'],
    ["its customer's list", '{ customer(by: { id: $c }) { tickets { totalCount } } }'],
    ["its assignee's list", '{ agent(id: $a) { tickets { totalCount } } }'],
    ['the count of open ones', '{ customer(by: { id: $c }) { summary { openTicketCount } } }'],
    ['the record of changes', '{ customer(by: { id: $c }) { changes { totalCount } } }'],
  ])('shows the ticket at once in %s that was cached before', async (_, selection) => {
    const names = [selection.includes('$c') ? '$c: ID!' : '', selection.includes('$a') ? '$a: ID!' : ''].join('');
    const query = names === '' ? selection : `query(${names}) ${selection}`;
    const variables = { c: customerId, a: idOf('Agent', 1) };
    const counted = async () => Number(/\d+/.exec(JSON.stringify(await gateway.data(query, variables)))?.[0]);
    const before = await counted();
    expect((await gateway.request(query, { variables })).headers.get('x-cache')).toBe('HIT');
    await gateway.openTicket(ticket({ assigneeId: idOf('Agent', 1) }));
    expect(await counted()).toBe(before + 1);
  });
});
