import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { dateTime } from '../../src/batch/table.ts';
import { createDatabase as openDatabase, type Database } from '../../src/db/database.ts';
import { readTime, type DriverPacket } from '../../src/db/driver-times.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { NEVER } from '../../src/time-limit.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';

type ReadPacket = DriverPacket & { update(buffer: Buffer, position: number, end: number): DriverPacket };
const Packet = createRequire(import.meta.url)('mariadb/lib/io/packet.js') as new () => ReadPacket;

const packetOf = (bytes: readonly number[]): DriverPacket =>
  new Packet().update(Buffer.from([255, ...bytes, 255]), 1, bytes.length + 2);

const decode = dateTime('at').decode ?? String;

/** A time of the binary protocol, of which the end may be left out if it is zero. */
const times = fc
  .record({
    date: fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
    length: fc.constantFrom(4, 7, 11),
  })
  .map(({ date, length }) => {
    const [year, microseconds] = [date.getUTCFullYear(), date.getUTCMilliseconds() * 1_000];
    const bytes = [
      ...[year % 256, Math.trunc(year / 256), date.getUTCMonth() + 1, date.getUTCDate()],
      ...[date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()],
      ...[0, 8, 16, 24].map((shift) => (microseconds >> shift) % 256),
    ];
    return [length, ...bytes.slice(0, length)];
  });

test('a time is read as the driver does and then written as the API shows it, in one step', () => {
  fc.assert(
    fc.property(times, (bytes) => {
      const [own, drivers] = [packetOf(bytes), packetOf(bytes)];
      expect(readTime(own)).toBe(decode(drivers.readBinaryDateTimeAsString(3)));
      expect(own.pos).toBe(drivers.pos);
    }),
  );
});

test('a time that is zero is refused, as one in the form of MySQL', () => {
  expect(readTime(packetOf([0]))).toBe('0000-00-00T00:00:00.000Z');
  expect(() => decode(readTime(packetOf([0])))).toThrow('at: expected a date and time, got an invalid one');
  expect(() => decode('0000-00-00 00:00:00.000')).toThrow('at: expected a date and time, got an invalid one');
});

test.each([1, 5, 12, 251, 255])('a time of %s bytes is refused: there is none', (length) => {
  expect(() => readTime(packetOf([length, ...Array(11).fill(1)]))).toThrow(`0, 4, 7 or 11 bytes, got ${length}`);
});

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createDatabase();
  const options = { connections: 1, statementMs: 600_000, waitMs: 600_000, metrics: createMetrics() };
  db = await openDatabase({ url: database.url, ...options });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const SQL = `SELECT CAST('2026-11-23 09:30:05.049' AS DATETIME(3)), CAST('2026-11-23' AS DATETIME(3)),
  CAST('1999-12-31 23:59:59' AS DATETIME), CAST('0987-01-01 00:00:00.000001' AS DATETIME(6)), CAST(NULL AS DATETIME(3))`;

test('our reads give times in the form of the API, and those of Prisma Client in its own', async () => {
  expect(await db.reader(NEVER).read({ name: 'times', sql: SQL, values: [] })).toEqual([
    [
      ...['2026-11-23T09:30:05.049Z', '2026-11-23T00:00:00.000Z', '1999-12-31T23:59:59.000Z'],
      ...['0987-01-01T00:00:00.000Z', null],
    ],
  ]);
  const [row] = await db.client.$queryRawUnsafe<object[]>(SQL);
  expect(Object.values(row ?? {})[0]).toEqual(new Date('2026-11-23T09:30:05.049Z'));
});
