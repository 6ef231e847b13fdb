import { afterEach, describe, expect, test } from '@jest/globals';
import { cleanUpImports, folderOf, freshDatabase, importFrom, mappingOf } from './import-run.ts';
import { contradictions, query } from './table-contents.ts';

afterEach(cleanUpImports);

const customers = { externalId: 'id', name: 'id' };
const plain = { number: 'no', customer: { constant: '1' }, subject: 'no', openedAt: 'opened' };
const withBoth = { ...plain, status: 'status', closedAt: 'closed' };

async function filesOf(header: string, rows: readonly string[]): Promise<string> {
  return folderOf({ 'customers.csv': 'id\n1\n', 'tickets.csv': `${header}\n${rows.join('\n')}\n` });
}

const stored = async (url: string) =>
  (await query(url, 'SELECT number, status, closed_at FROM tickets ORDER BY number')).map((row) => [
    row['number'],
    row['status'],
    row['closed_at'],
  ]);

describe('a ticket has a closing time exactly while it is resolved or closed', () => {
  test('so a row that contradicts this is rejected', async () => {
    const url = await freshDatabase();
    const folder = await filesOf('no,status,opened,closed', [
      'T1,OPEN,2024-01-02,',
      'T2,OPEN,2024-01-02,2024-01-03',
      'T3,PENDING,2024-01-02,2024-01-03',
      'T4,RESOLVED,2024-01-02,',
      'T5,CLOSED,2024-01-02,',
      'T6,CLOSED,2024-01-02,2024-01-02',
      'T7,RESOLVED,2024-01-02,2024-01-01',
    ]);
    const { counts, rejects } = await importFrom(url, folder, mappingOf({ customers, tickets: withBoth }));
    expect(counts['tickets']).toEqual([7, 2, 0, 0, 5]);
    expect(rejects['tickets.rejected.csv']?.map((line) => line.split('","').slice(0, 2))).toEqual([
      ['3,"closedAt: expected none, since the ticket is OPEN, got 2024-01-03 00:00:00.000', 'closed'],
      ['4,"closedAt: expected none, since the ticket is PENDING, got 2024-01-03 00:00:00.000', 'closed'],
      ['5,"closedAt: expected a time, since the ticket is RESOLVED, got none', 'closed'],
      ['6,"closedAt: expected a time, since the ticket is CLOSED, got none', 'closed'],
      [
        '8,"closedAt: expected a time from 2024-01-02 00:00:00.000, when the ticket was opened, got 2024-01-01 00:00:00.000',
        'closed',
      ],
    ]);
    expect(await stored(url)).toEqual([
      ['T1', 'OPEN', null],
      ['T6', 'CLOSED', '2024-01-02 00:00:00.000'],
    ]);
    expect(await contradictions(url)).toEqual([]);
  });

  test('so stored values that the row does not set are checked too', async () => {
    const url = await freshDatabase();
    const first = await filesOf('no,status,opened,closed', ['T1,CLOSED,2024-01-02,2024-01-05', 'T2,OPEN,2024-01-02,']);
    await importFrom(url, first, mappingOf({ customers, tickets: withBoth }));
    const later = await filesOf('no,opened,closed', ['T1,2024-01-06,2024-01-05', 'T2,2024-01-02,2024-01-05']);
    const { rejects } = await importFrom(url, later, mappingOf({ tickets: { ...plain, closedAt: 'closed' } }));
    expect(rejects['tickets.rejected.csv']?.map((line) => line.split(/,"|, got/)[1])).toEqual([
      'closedAt: expected a time from 2024-01-06 00:00:00.000, when the ticket was opened',
      'closedAt: expected none, since the ticket is OPEN',
    ]);
    const opened = await filesOf('no,opened', ['T1,2024-01-06', 'T2,2024-01-06']);
    const { counts } = await importFrom(url, opened, mappingOf({ tickets: plain }));
    expect(counts['tickets']).toEqual([2, 0, 1, 0, 1]);
  });

  test("so if the mapping has none, it is the time of the row's last change, and is kept until the ticket is reopened", async () => {
    const url = await freshDatabase();
    const mapping = mappingOf({ customers, tickets: { ...plain, status: 'status', updatedAt: 'changed' } });
    const run = async (...rows: string[]) =>
      (await importFrom(url, await filesOf('no,status,opened,changed', rows), mapping)).counts['tickets'];
    const rows = ['T1,RESOLVED,2024-01-02,2024-01-03', 'T2,OPEN,2024-01-02,2024-01-03', 'T3,CLOSED,2024-01-02,'];
    expect(await run(...rows)).toEqual([3, 3, 0, 0, 0]);
    const [one, two, three] = await stored(url);
    expect([one, two]).toEqual([
      ['T1', 'RESOLVED', '2024-01-03 00:00:00.000'],
      ['T2', 'OPEN', null],
    ]);
    const [now] = await query(url, "SELECT updated_at FROM tickets WHERE number = 'T3'");
    expect(three).toEqual(['T3', 'CLOSED', now?.['updated_at']]);
    expect(await run(...rows)).toEqual([3, 0, 0, 3, 0]);
    expect(await run('T1,CLOSED,2024-01-02,2024-01-09', 'T2,OPEN,2024-01-02,2024-01-03')).toEqual([2, 0, 1, 1, 0]);
    expect((await stored(url))[0]).toEqual(['T1', 'CLOSED', '2024-01-03 00:00:00.000']);
    expect(await run('T1,OPEN,2024-01-02,2024-01-10')).toEqual([1, 0, 1, 0, 0]);
    expect((await stored(url))[0]).toEqual(['T1', 'OPEN', null]);
    expect(await run('T4,CLOSED,2024-01-02,2024-01-01')).toEqual([1, 0, 0, 0, 1]);
    expect(await contradictions(url)).toEqual([]);
  });
});
