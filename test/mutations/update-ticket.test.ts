import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  aMoment,
  idOf,
  rowOf,
  startWritingGateway,
  ticketOf,
  type Row,
  type WritingGateway,
} from './writing-gateway.ts';

let gateway: WritingGateway;
let id: string;

beforeAll(async () => {
  gateway = await startWritingGateway();
});

afterAll(() => gateway.close());

const CUSTOMER = 2;
let made = 0;
beforeEach(async () => {
  made += 1;
  const input = { customerId: idOf('Customer', CUSTOMER), number: `own-${made}`, subject: 'Parcel is late' };
  id = ticketOf(await gateway.openTicket({ ...input, assigneeId: idOf('Agent', 1) })).id;
});

const STATES = ['OPEN', 'PENDING', 'RESOLVED', 'CLOSED'] as const;
type State = (typeof STATES)[number];

const ticketRow = async (): Promise<Row> =>
  (await gateway.sql('SELECT * FROM tickets WHERE id = ?', [rowOf(id)]))[0] ?? {};

const changesNow = async () => {
  const rows = await gateway.sql(
    "SELECT version, action, changes FROM customer_changes WHERE subject_type = 'Ticket' AND subject_id = ? ORDER BY id",
    [rowOf(id)],
  );
  return rows.map(({ version, action, changes }) => ({ version, action, fields: JSON.parse(String(changes)) }));
};

const openCount = async (): Promise<number> => {
  const [row] = await gateway.sql('SELECT open_ticket_count AS open FROM customer_stats WHERE customer_id = ?', [
    CUSTOMER,
  ]);
  return Number(row?.['open']);
};

describe('updateTicket', () => {
  test('changes the given fields, leaves the rest, and adds one entry to the record of changes', async () => {
    const before = await gateway.everything();
    const row = await ticketRow();
    await aMoment();
    const answer = await gateway.updateTicket({ id, subject: ' Parcel is lost ', priority: 'HIGH' });
    expect(answer).toEqual({
      ticket: { id, number: `own-${made}`, subject: 'Parcel is lost', status: 'OPEN', closedAt: null, version: 2 },
      userErrors: [],
    });
    const after = await gateway.everything();
    const changed = { ...row, subject: 'Parcel is lost', priority: 'HIGH', version: 2 };
    const at = after['tickets']?.at(-1)?.['updated_at'];
    expect(Number(at)).toBeGreaterThan(Number(row['updated_at']));
    const change = after['customer_changes']?.at(-1);
    expect(change).toEqual({
      ...{ id: change?.['id'], customer_id: BigInt(CUSTOMER), subject_type: 'Ticket', subject_id: BigInt(rowOf(id)) },
      ...{ version: 2, action: 'UPDATED', actor: null, occurred_at: at },
      changes: JSON.stringify([
        { field: 'subject', before: 'Parcel is late', after: 'Parcel is lost' },
        { field: 'priority', before: 'NORMAL', after: 'HIGH' },
      ]),
    });
    expect({ ...after, customer_changes: after['customer_changes']?.slice(0, -1) }).toEqual({
      ...before,
      tickets: [...(before['tickets']?.slice(0, -1) ?? []), { ...changed, updated_at: at }],
    });
  });

  test('assigns a ticket to another agent, or to nobody with null', async () => {
    await gateway.updateTicket({ id, assigneeId: idOf('Agent', 2) });
    expect(await ticketRow()).toMatchObject({ assignee_id: 2n, version: 2 });
    await gateway.updateTicket({ id, assigneeId: null });
    expect(await ticketRow()).toMatchObject({ assignee_id: null, version: 3 });
    expect((await changesNow()).slice(1).flatMap(({ fields }) => fields)).toEqual([
      { field: 'assigneeId', before: '1', after: '2' },
      { field: 'assigneeId', before: '2', after: null },
    ]);
  });

  test('writes nothing if nothing differs, including the same status', async () => {
    for (const status of STATES) {
      await gateway.updateTicket({ id, status });
      const before = await gateway.everything();
      const same = { subject: ' Parcel is late', status, priority: 'NORMAL', assigneeId: idOf('Agent', 1) };
      for (const input of [{ id }, { id, status }, { id, ...same }]) {
        const answer = await gateway.updateTicket(input);
        expect(answer).toMatchObject({ ticket: { status }, userErrors: [] });
      }
      expect(await gateway.everything()).toEqual(before);
    }
  });

  test('accepts the current version and refuses any other, with the current state', async () => {
    expect(await gateway.updateTicket({ id, expectedVersion: 1, subject: 'Second' })).toMatchObject({
      ticket: { version: 2 },
    });
    const before = await gateway.everything();
    for (const expectedVersion of [1, 3, 0, -1])
      expect(await gateway.updateTicket({ id, expectedVersion, subject: 'Third' })).toMatchObject({
        ticket: { subject: 'Second', version: 2 },
        userErrors: [
          {
            code: 'CONFLICT',
            message: `Expected version ${expectedVersion}, found 2.`,
            path: ['input', 'expectedVersion'],
          },
        ],
      });
    expect(await gateway.everything()).toEqual(before);
    const again = await gateway.updateTicket({ id, expectedVersion: null, subject: 'Third' });
    expect(ticketOf(again).version).toBe(3);
  });

  test('returns the first result if it is repeated with its idempotencyKey, and changes the ticket once', async () => {
    const input = { id, status: 'CLOSED', idempotencyKey: 'close-it' };
    const first = await gateway.updateTicket(input);
    const before = await gateway.everything();
    expect(await gateway.updateTicket(input)).toEqual(first);
    expect(await gateway.everything()).toEqual(before);
  });

  test.each([
    ['the lists', '{ tickets(filter: { status: [CLOSED] }) { totalCount } }', 1],
    ['the count of open ones', 'query($c: ID!) { customer(by: { id: $c }) { summary { openTicketCount } } }', -1],
    ['the record of changes', 'query($c: ID!) { customer(by: { id: $c }) { changes { totalCount } } }', 1],
  ])('shows the change at once in %s that was cached before', async (_, query, more) => {
    const variables = { c: idOf('Customer', CUSTOMER) };
    const counted = async () => Number(/\d+/.exec(JSON.stringify(await gateway.data(query, variables)))?.[0]);
    const before = await counted();
    expect((await gateway.request(query, { variables })).headers.get('x-cache')).toBe('HIT');
    await gateway.updateTicket({ id, status: 'CLOSED' });
    expect(await counted()).toBe(before + more);
  });
});

describe('the status of a ticket', () => {
  const REFUSED = [
    ['CLOSED', 'PENDING'],
    ['CLOSED', 'RESOLVED'],
  ] as const;
  const isRefused = (from: State, to: State) => REFUSED.some(([a, b]) => a === from && b === to);
  const isOpen = (state: State) => state === 'OPEN' || state === 'PENDING';
  const allowed = STATES.flatMap((from) =>
    STATES.filter((to) => to !== from && !isRefused(from, to)).map((to) => [from, to] as const),
  );

  test.each(allowed)(
    'can change from %s to %s, and the count of open tickets and closedAt follow',
    async (from, to) => {
      if (from !== 'OPEN') await gateway.updateTicket({ id, status: from });
      const [row, count] = [await ticketRow(), await openCount()];
      await aMoment();
      const { ticket, userErrors } = await gateway.updateTicket({ id, status: to });
      expect(userErrors).toEqual([]);
      const after = await ticketRow();
      const closed = isOpen(to) ? null : isOpen(from) ? after['updated_at'] : row['closed_at'];
      const version = Number(row['version']) + 1;
      expect(after).toEqual({ ...row, status: to, closed_at: closed, updated_at: after['updated_at'], version });
      expect(ticket?.closedAt).toEqual(closed instanceof Date ? closed.toISOString() : null);
      expect(await openCount()).toBe(count + Number(isOpen(to)) - Number(isOpen(from)));
      const closings = isOpen(from) === isOpen(to) ? [] : [expect.objectContaining({ field: 'closedAt' })];
      const fields = [{ field: 'status', before: from, after: to }, ...closings];
      expect((await changesNow()).at(-1)).toEqual({ version, action: 'UPDATED', fields });
    },
  );

  test.each(REFUSED)('cannot change from %s to %s, whatever else is given', async (from, to) => {
    await gateway.updateTicket({ id, status: from });
    const before = await gateway.everything();
    const answer = await gateway.updateTicket({ id, status: to, subject: 'Other' });
    expect(answer).toMatchObject({
      ticket: { status: from, subject: 'Parcel is late', version: 2 },
      userErrors: [
        {
          code: 'INVALID_TRANSITION',
          message: `Expected OPEN after ${from}, got ${to}.`,
          path: ['input', 'status'],
        },
      ],
    });
    expect(await gateway.everything()).toEqual(before);
  });

  test.each([
    ['a resolved ticket without closedAt, once it is closed', "status = 'RESOLVED', closed_at = NULL", 'CLOSED'],
    ['an open ticket with a closedAt, once it is resolved', "closed_at = '2020-01-01'", 'RESOLVED'],
  ])(
    'is accepted for a ticket that another program left inconsistent, which it corrects: %s',
    async (_, left, status) => {
      await gateway.sql(`UPDATE tickets SET ${left} WHERE id = ?`, [rowOf(id)]);
      await gateway.updateTicket({ id, status });
      const row = await ticketRow();
      expect(row['closed_at']).toEqual(row['updated_at']);
    },
  );
});
