import { DateTime, IANAZone } from 'luxon';
import { isAhead } from '../../crm/input.ts';
import { quoted } from '../../errors.ts';
import { dateTimeText } from '../sql-text.ts';
import { formatReadings, type FormatReading } from './date-formats.ts';
import { RowProblem } from './values.ts';

// DATETIME's range, less a day at either end so that no time zone exceeds it.
const FIRST_MS = Date.UTC(1000, 0, 2);
const LAST_MS = Date.UTC(9999, 11, 30);

// Luxon accepts much shorter forms of ISO 8601: "20" is a time of today.
const WHOLE_DAY = /^\d{4}(?:-\d\d-\d\d|\d{4}|-?W\d\d-?\d|-?\d{3})(?:T.+)?$/;

/** No time zone is further from UTC than 14 hours. */
const MAX_OFFSET_MINUTES = 14 * 60;
const NO_OFFSET = /T.*[+-]\d\d:?[6-9]\d$/;

/** The date formats of a file. A date without an offset is in the zone. */
interface DateForms {
  /** Luxon's tokens; empty for ISO 8601. */
  readonly formats: readonly string[];
  readonly zone: string;
}

export function isTimeZone(zone: string): boolean {
  return IANAZone.isValidZone(zone);
}

/** Whether a format contains the whole date: Luxon fills in today's year, month or day for a missing one. */
export function tellsTheDay(format: string): boolean {
  return ['2031-11-23T15:45', '2029-02-14T03:20'].every((text) => {
    const written = DateTime.fromISO(text, { zone: 'UTC' });
    const read = DateTime.fromFormat(written.toFormat(format, { locale: 'en' }), format, { zone: 'UTC', locale: 'en' });
    // With a 12-hour clock but without AM or PM, the hour may differ.
    return read.isValid && read.hasSame(written, 'day') && (read.hour === written.hour || read.hour === 0);
  });
}

/** Converts a date that is not in the future to DATETIME(3) text in UTC. Throws RowProblem. */
export function convertDate(given: string, forms: DateForms): string {
  const { reading, written } = readingsOf(given, forms);
  const ms = reading?.toMillis();
  const isNear = Math.abs(written?.offset ?? 0) <= MAX_OFFSET_MINUTES;
  if (reading === undefined || ms === undefined || !isNear || ms < FIRST_MS || ms > LAST_MS) {
    const expected =
      forms.formats.length === 0 ? 'in ISO 8601, such as 2026-01-31' : `as ${forms.formats.join(' or ')}`;
    throw new RowProblem(`expected a date ${expected}, got ${quoted(given)}`);
  }
  if (isAhead(ms)) throw new RowProblem(`expected a time that is not in the future, got ${quoted(given)}`);
  // It has an offset, or is in UTC anyway.
  if (written?.toMillis() === ms) return dateTimeText(ms);
  // When clocks are put forward, Luxon moves times in the skipped hour to the next one.
  if (written?.toFormat(WALL) !== reading.toFormat(WALL))
    throw new RowProblem(`expected a time that exists in ${forms.zone}, got ${quoted(given)}`);
  // When clocks are put back, Luxon's choice depends on the current season, but a file must always mean the same.
  return dateTimeText(Math.min(...reading.getPossibleOffsets().map((one) => one.toMillis())));
}

const WALL = 'yyyy-MM-dd HH:mm';

/** The date in the file's zone, and as written: with its own offset, or else in UTC, where no time is skipped. */
interface Readings {
  readonly reading: DateTime | undefined;
  readonly written: DateTime | undefined;
}

function readingsOf(given: string, { formats, zone }: DateForms): Readings {
  if (formats.length > 0) return oneReading(given, formatReadings(given, formats, zone));
  if (!WHOLE_DAY.test(given) || NO_OFFSET.test(given)) return { reading: undefined, written: undefined };
  const reading = DateTime.fromISO(given, { zone });
  return reading.isValid
    ? { reading, written: DateTime.fromISO(given, { zone: 'UTC', setZone: true }) }
    : { reading: undefined, written: undefined };
}

/** Throws RowProblem if formats disagree on the date: their order in the mapping does not say which one is meant. */
function oneReading(given: string, [first, ...others]: readonly FormatReading[]): Readings {
  const other = others.find(({ reading }) => reading.toMillis() !== first?.reading.toMillis());
  if (first === undefined || other === undefined) return { reading: first?.reading, written: first?.written };
  throw new RowProblem(
    `expected a date that means the same in every format, got ${quoted(given)}, which as ${first.format} is a different date than as ${other.format}`,
  );
}
