import { afterEach, describe, expect, test } from '@jest/globals';
import { cleanUpImports, folderOf, freshDatabase, importFrom, mappingOf, orders } from './import-run.ts';
import { query } from './table-contents.ts';

afterEach(cleanUpImports);

/** Imports customers with these moments of creation; returns what is stored of them, and the reasons of the others. */
async function datesOf(cells: readonly string[], form: object) {
  const url = await freshDatabase();
  const rows = cells.map((cell, index) => `${10 + index}\tn\t${cell}`);
  const folder = await folderOf({ 'customers.csv': `id\tname\tsince\n${rows.join('\n')}\n` });
  const fields = { externalId: 'id', name: 'name', createdAt: { column: 'since', ...form } };
  const mapping = {
    name: 'test',
    csv: { delimiter: '\t' },
    targets: { customers: { file: 'customers.csv', fields } },
  };
  const { rejects } = await importFrom(url, folder, mapping);
  const stored = await query(url, 'SELECT created_at FROM customers ORDER BY external_id');
  const rejected = rejects['customers.rejected.csv'] ?? [];
  return {
    stored: stored.map((row) => String(row['created_at']).replace('.000', '')),
    rejected: rejected.map((line) =>
      line
        .split('","')[0]
        ?.replace(/^\d+,"/, '')
        .replaceAll('""', '"'),
    ),
  };
}

const [JANUARY, FEBRUARY] = ['2024-01-31 00:00:00', '2024-02-01 00:00:00'];

describe('a date is accepted only if the whole cell fits the format, and is never read as another time', () => {
  test.each<[string, string, readonly string[], readonly string[], readonly string[]]>([
    [
      'with a clock of twelve hours',
      'M/d/yy h:mm a',
      ['1/31/24 1:04 PM', '01/31/24 01:04 am', '1/31/24 12:04 AM', '1/31/24 12:04 PM'],
      ['2024-01-31 13:04:00', '2024-01-31 01:04:00', '2024-01-31 00:04:00', '2024-01-31 12:04:00'],
      ['1/2/24 13:04 AM', '1/2/24 13:04 PM', '1/2/24 24:00 AM', '1/2/24 0:04 PM', '1/2/24 00:04 AM'],
    ],
    ['with a clock of a day', 'yyyy-MM-dd H:mm', ['2024-01-31 0:00'], [JANUARY], ['2024-01-31 24:00']],
    [
      'with two digits of a year',
      'd/M/yy',
      ['31/1/24', '31/01/24', '1/2/24', '01/02/24'],
      [JANUARY, JANUARY, FEBRUARY, FEBRUARY],
      ['1/2/0024', '1/2/2024', '1/2/024', '001/2/24'],
    ],
    [
      'with names in any case',
      'EEEE, d. MMM yyyy',
      ['WEDNESDAY, 31. jan 2024', 'Thursday, 1. Feb 2024'],
      [JANUARY, FEBRUARY],
      ['Monday, 31. Jan 2024', 'Thursday, 1 Feb 2024'],
    ],
    [
      'with an offset in any of its forms',
      'yyyy-MM-dd HH:mm ZZ',
      ['2024-01-31 02:00 +02:00', '2024-01-31 02:00 +2', '2024-01-30 18:30 -05:30'],
      [JANUARY, JANUARY, JANUARY],
      ['2024-01-31 02:00', '2024-01-31 02:00 +02:00 x'],
    ],
    [
      'with parts of a second',
      'yyyy-MM-dd HH:mm:ss.u',
      ['2024-01-31 00:00:00.5', '2024-01-31 00:00:00.123456'],
      ['2024-01-31 00:00:00.500', '2024-01-31 00:00:00.123'],
      ['2024-01-31 00:00:00.'],
    ],
    ['in one of Luxon’s own', 'D t', ['1/31/2024 12:00 AM'], [JANUARY], ['1/31/2024 13:00 AM', '1/31/2024']],
  ])('%s', async (...[, format, taken, stored, refused]) => {
    expect(await datesOf([...taken, ...refused], { format })).toEqual({
      stored,
      rejected: refused.map((cell) => `createdAt: expected a date as ${format}, got "${cell}"`),
    });
  });

  test('and one that fits two formats with different days is rejected', async () => {
    const format = ['dd/MM/yyyy', 'MM/dd/yyyy', 'd/M/yyyy'];
    expect(await datesOf(['31/01/2024', '01/31/2024', '02/02/2024', '1/2/2024', '01/02/2024'], { format })).toEqual({
      stored: [JANUARY, JANUARY, '2024-02-02 00:00:00', FEBRUARY],
      rejected: [
        'createdAt: expected a date that means the same in every format, got "01/02/2024", which as dd/MM/yyyy is a different date than as MM/dd/yyyy',
      ],
    });
  });
});

describe('a time in the future', () => {
  const at = { constant: '2024-01-01' };
  const customers = { externalId: 'id', name: 'id' };
  const cells = 'id,at\n1,2024-01-01\n2,2999-01-01\n';

  test.each([
    ['placed', 'orders', 'placedAt', { ...orders, number: 'id', customer: at, placedAt: 'at' }],
    ['opened', 'tickets', 'openedAt', { number: 'id', customer: at, subject: 'id', openedAt: 'at' }],
    [
      'closed',
      'tickets',
      'closedAt',
      { number: 'id', customer: at, subject: 'id', openedAt: at, closedAt: 'at', status: { constant: 'CLOSED' } },
    ],
    [
      'a contact',
      'interactions',
      'occurredAt',
      { externalId: 'id', customer: at, kind: { constant: 'NOTE' }, body: 'id', occurredAt: 'at' },
    ],
  ])('is refused as %s, as in mutations', async (...[, target, field, fields]) => {
    const folder = await folderOf({ [`${target}.csv`]: cells, 'customers.csv': 'id\n2024-01-01\n' });
    const { counts, rejects } = await importFrom(
      await freshDatabase(),
      folder,
      mappingOf({ customers, [target]: fields }),
    );
    expect(counts[target]).toEqual([2, 1, 0, 0, 1]);
    expect(rejects[`${target}.rejected.csv`]).toEqual([
      `3,"${field}: expected a time that is not in the future, got ""2999-01-01""","at","${target}.csv","2,2999-01-01"`,
    ]);
  });

  test('is refused in a mapping', async () => {
    const mapping = mappingOf({ orders: { ...orders, placedAt: { constant: '2999-01-01' } } });
    const refused = importFrom('mysql://unused/unused', await folderOf({}), mapping);
    await expect(refused).rejects.toMatchObject({
      exitCode: 65,
      message: expect.stringContaining('placedAt.constant: expected a time that is not in the future'),
    });
  });
});
