/** The driver's internals that its types leave out: what it reads values from. */
export interface DriverPacket {
  readonly buf: Buffer;
  pos: number;
  readonly end: number;
  readBinaryDateTimeAsString: (this: DriverPacket, scale: number) => string;
}

const ZERO = 48;

/** Where a time is written, of which a string is made at once. */
const text = Buffer.from('0000-00-00T00:00:00.000Z', 'latin1');

/**
 * Reads a DATETIME of the binary protocol in the API's form, `2026-11-23T09:30:00.000Z`: its length (0, 4, 7 or 11), then year, month,
 * day, hour, minute, second and microseconds, of which those at the end are left out that are zero. The driver itself puts it together
 * from a dozen strings, which would be taken apart again.
 */
export function readTime(packet: DriverPacket): string {
  const { buf, pos } = packet;
  const length = buf[pos] ?? Number.NaN;
  if (length !== 11 && length !== 7 && length !== 4 && length !== 0)
    throw new RangeError(`expected a time of 0, 4, 7 or 11 bytes, got ${length}`);
  packet.pos = pos + 1 + length;
  const byte = (index: number): number => (index <= length ? (buf[pos + index] ?? 0) : 0);
  const year = byte(1) + byte(2) * 0x1_00;
  const century = Math.trunc(year / 100);
  writeTwoDigits(century, 0);
  writeTwoDigits(year - century * 100, 2);
  writeTwoDigits(byte(3), 5);
  writeTwoDigits(byte(4), 8);
  writeTwoDigits(byte(5), 11);
  writeTwoDigits(byte(6), 14);
  writeTwoDigits(byte(7), 17);
  const microseconds = byte(8) + byte(9) * 0x1_00 + byte(10) * 0x1_00_00;
  const milliseconds = Math.trunc(microseconds / 1_000);
  const hundreds = Math.trunc(milliseconds / 100);
  text[20] = ZERO + hundreds;
  writeTwoDigits(milliseconds - hundreds * 100, 21);
  return text.toString('latin1');
}

function writeTwoDigits(value: number, at: number): void {
  const tens = Math.trunc(value / 10);
  text[at] = ZERO + tens;
  text[at + 1] = ZERO + value - tens * 10;
}
