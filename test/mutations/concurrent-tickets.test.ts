import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Connection } from 'mariadb';
import { withConnection } from '../support/servers.ts';
import { codes, times } from './at-once.ts';
import {
  customerOf,
  idOf,
  rowOf,
  startWritingGateway,
  ticketOf,
  untilWaiting,
  type Row,
  type WrittenTicket,
  type WritingGateway,
} from './writing-gateway.ts';

let gateway: WritingGateway;

beforeAll(async () => {
  gateway = await startWritingGateway();
});

afterAll(() => gateway.close());

const newCustomer = async (): Promise<string> => customerOf(await gateway.create({ name: 'Asks' })).id;

const openCount = async (customerId: string): Promise<Row[]> =>
  gateway.sql('SELECT open_ticket_count AS open FROM customer_stats WHERE customer_id = ?', [rowOf(customerId)]);

const versions = async (ticketId: string): Promise<unknown[]> => {
  const rows = await gateway.sql(
    "SELECT version FROM customer_changes WHERE subject_type = 'Ticket' AND subject_id = ? ORDER BY id",
    [rowOf(ticketId)],
  );
  return rows.map(({ version }) => version);
};

describe('tickets that are written concurrently', () => {
  test('are all stored and counted if they are opened for one customer', async () => {
    const customerId = await newCustomer();
    const answers = await times(20, (i) => gateway.openTicket({ customerId, subject: `Ticket ${i}` }));
    expect(codes(answers)).toEqual(Array.from({ length: 20 }));
    expect(new Set(answers.map((answer) => ticketOf(answer).number)).size).toBe(20);
    expect(await openCount(customerId)).toEqual([{ open: 20 }]);
  });

  test('are refused but for one if they are opened with the same number', async () => {
    const customers = await times(4, newCustomer);
    for (let round = 0; round < 5; round += 1) {
      const number = `race-${round}`;
      const answers = await times(8, (i) => gateway.openTicket({ customerId: customers[i % 4], number, subject: 'x' }));
      expect(codes(answers)).toEqual([...Array.from({ length: 7 }, () => 'ALREADY_EXISTS'), undefined]);
      expect(await gateway.sql('SELECT version FROM tickets WHERE number = ?', [number])).toEqual([{ version: 1 }]);
    }
    const counts = await Promise.all(customers.map(openCount));
    expect(counts.flat().reduce((sum, { open }) => sum + Number(open), 0)).toBe(5);
  });

  test('are changed by only one of two updates with the same expectedVersion, and the other gets the current state', async () => {
    const { id } = ticketOf(await gateway.openTicket({ customerId: await newCustomer(), subject: 'Start' }));
    for (let expectedVersion = 1; expectedVersion <= 5; expectedVersion += 1) {
      const answers = await times(2, (i) =>
        gateway.updateTicket({ id, expectedVersion, subject: `${expectedVersion}.${i}` }),
      );
      expect(codes(answers)).toEqual(['CONFLICT', undefined]);
      const winner = answers.find(({ userErrors }) => userErrors.length === 0);
      for (const { ticket } of answers)
        expect(ticket).toMatchObject({ version: expectedVersion + 1, subject: winner?.ticket?.subject });
    }
    expect(await versions(id)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('are counted correctly after many clients closed and reopened them, and each version is recorded', async () => {
    const customerId = await newCustomer();
    const tickets = await times(3, async () => ticketOf(await gateway.openTicket({ customerId, subject: 'x' })).id);
    const states = ['CLOSED', 'OPEN', 'RESOLVED', 'PENDING'];
    const answers = await times(36, (i) => gateway.updateTicket({ id: tickets[i % 3], status: states[i % 4] }));
    for (const code of codes(answers)) expect(['INVALID_TRANSITION', undefined]).toContain(code);
    const rows = await gateway.sql('SELECT id, status, version FROM tickets WHERE customer_id = ?', [
      rowOf(customerId),
    ]);
    const open = rows.filter(({ status }) => status === 'OPEN' || status === 'PENDING').length;
    expect(await openCount(customerId)).toEqual([{ open }]);
    for (const { id, version } of rows)
      expect(await versions(idOf('Ticket', id))).toEqual(Array.from({ length: Number(version) }, (_, i) => i + 1));
  });

  test('are opened and changed before their customer is deleted, or not at all', async () => {
    const customerId = await newCustomer();
    const { id } = ticketOf(await gateway.openTicket({ customerId, subject: 'x' }));
    const [, ...answers] = await Promise.all([
      gateway.remove({ id: customerId }),
      ...Array.from({ length: 4 }, () => gateway.openTicket({ customerId, subject: 'y' })),
      ...Array.from({ length: 4 }, (_, i) => gateway.updateTicket({ id, subject: `Subject ${i}` })),
    ]);
    for (const code of codes(answers)) expect(['NOT_FOUND', undefined]).toContain(code);
    for (const table of ['tickets', 'customer_stats'])
      expect(await gateway.sql(`SELECT * FROM ${table} WHERE customer_id = ?`, [rowOf(customerId)])).toEqual([]);
  });
});

describe('a change to a ticket that waits for its customer', () => {
  let [from, to, id] = ['', '', ''];

  /** Starts a change while `meanwhile` has the customer locked; it continues once that is committed. */
  async function changeWhile(meanwhile: (connection: Connection) => Promise<unknown>): Promise<WrittenTicket> {
    [from, to] = [await newCustomer(), await newCustomer()];
    ({ id } = ticketOf(await gateway.openTicket({ customerId: from, subject: 'Moves' })));
    return withConnection(gateway.databaseUrl, async (connection) => {
      await connection.beginTransaction();
      await connection.query('SELECT id FROM customers WHERE id = ? FOR UPDATE', [rowOf(from)]);
      const answer = gateway.updateTicket({ id, status: 'CLOSED' });
      await untilWaiting(1, gateway);
      await meanwhile(connection);
      await connection.commit();
      return answer;
    });
  }

  const moveTicket = (connection: Connection) =>
    connection.query('UPDATE tickets SET customer_id = ? WHERE id = ?', [rowOf(to), rowOf(id)]);
  const removeCustomer = (connection: Connection) =>
    connection.query('DELETE FROM customers WHERE id = ?', [rowOf(from)]);

  const changesOf = async (customerId: string) =>
    (
      await gateway.sql('SELECT action FROM customer_changes WHERE customer_id = ? ORDER BY id', [rowOf(customerId)])
    ).map(({ action }) => action);

  test('goes with the ticket to the customer that it was moved to', async () => {
    const { ticket, userErrors } = await changeWhile(moveTicket);
    expect([ticket?.status, userErrors]).toEqual(['CLOSED', []]);
    // The manual move did not update the counts, so only the effect of the change shows.
    expect([await openCount(from), await openCount(to)]).toEqual([[{ open: 1 }], [{ open: -1 }]]);
    expect([await changesOf(from), await changesOf(to)]).toEqual([
      ['CREATED', 'CREATED'],
      ['CREATED', 'UPDATED'],
    ]);
  });

  test('goes with the ticket to the customer that its own was merged into', async () => {
    const { ticket } = await changeWhile(async (connection) => {
      await moveTicket(connection);
      await removeCustomer(connection);
      const merge = [rowOf(from), rowOf(to)];
      await connection.query(
        'INSERT INTO customer_merges (merged_id, kept_id, merged_at) VALUES (?, ?, UTC_TIMESTAMP(3))',
        merge,
      );
    });
    expect(ticket?.status).toBe('CLOSED');
    expect(await changesOf(to)).toEqual(['CREATED', 'UPDATED']);
  });

  test.each<[string, (connection: Connection) => Promise<unknown>]>([
    [
      'was deleted with it',
      async (connection) => {
        await connection.query('DELETE FROM tickets WHERE id = ?', [rowOf(id)]);
        await removeCustomer(connection);
      },
    ],
    ['was deleted alone, by another program', removeCustomer],
  ])('is refused when the customer %s', async (_, meanwhile) => {
    const { userErrors } = await changeWhile(meanwhile);
    expect(userErrors).toEqual([{ code: 'NOT_FOUND', message: 'There is no such ticket.', path: ['input', 'id'] }]);
    expect(await changesOf(from)).toEqual(['CREATED', 'CREATED']);
  });
});
