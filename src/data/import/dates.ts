import { DateTime, IANAZone, type DateTimeOptions } from 'luxon';
import { quoted } from '../../errors.ts';
import { dateTimeText } from '../sql-text.ts';
import { RowProblem } from './values.ts';

// DATETIME's range, less a day at either end so that no time zone exceeds it.
const FIRST_MS = Date.UTC(1000, 0, 2);
const LAST_MS = Date.UTC(9999, 11, 30);

// Luxon accepts much shorter forms of ISO 8601: "20" is a time of today.
const WHOLE_DAY = /^\d{4}(?:-\d\d-\d\d|\d{4}|-?W\d\d-?\d|-?\d{3})(?:T.+)?$/;

/** No time zone is further from UTC than 14 hours. */
const MOST_OFFSET_MINUTES = 14 * 60;
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

/** Whether dates survive a round trip through a format: without a year or a day, they would be taken for today's. */
export function tellsTheDay(format: string): boolean {
  return ['2031-11-23T15:45', '2029-02-14T03:20'].every((text) => {
    const written = DateTime.fromISO(text, { zone: 'UTC' });
    const read = DateTime.fromFormat(written.toFormat(format, { locale: 'en' }), format, { zone: 'UTC', locale: 'en' });
    // With a 12-hour clock but without AM or PM, the hour may differ.
    return read.isValid && read.hasSame(written, 'day') && (read.hour === written.hour || read.hour === 0);
  });
}

/** Converts a date to DATETIME(3) text in UTC. Throws RowProblem. */
export function convertDate(given: string, forms: DateForms): string {
  const reading = readingOf(given, forms, { zone: forms.zone });
  const moment = reading?.toMillis();
  const written = readingOf(given, forms, { zone: 'UTC', setZone: true });
  const isNear = Math.abs(written?.offset ?? 0) <= MOST_OFFSET_MINUTES;
  if (reading === undefined || moment === undefined || !isNear || moment < FIRST_MS || moment > LAST_MS) {
    const expected =
      forms.formats.length === 0 ? 'in ISO 8601, such as 2026-01-31' : `as ${forms.formats.join(' or ')}`;
    throw new RowProblem(`expected a date ${expected}, got ${quoted(given)}`);
  }
  // It has an offset, or is in UTC anyway.
  if (written?.toMillis() === moment) return dateTimeText(moment);
  // When clocks are put forward, Luxon moves times in the skipped hour to the next one.
  if (written?.toFormat(WALL) !== reading.toFormat(WALL))
    throw new RowProblem(`expected a time that clocks in ${forms.zone} show, got ${quoted(given)}`);
  // When clocks are put back, Luxon's choice depends on the current season, but a file must always mean the same.
  return dateTimeText(Math.min(...reading.getPossibleOffsets().map((one) => one.toMillis())));
}

const WALL = 'yyyy-MM-dd HH:mm';

function readingOf(given: string, { formats }: DateForms, options: DateTimeOptions): DateTime | undefined {
  const readings =
    formats.length > 0
      ? formats.map((format) => DateTime.fromFormat(given, format, { ...options, locale: 'en' }))
      : WHOLE_DAY.test(given) && !NO_OFFSET.test(given)
        ? [DateTime.fromISO(given, options)]
        : [];
  return readings.find((reading) => reading.isValid);
}
