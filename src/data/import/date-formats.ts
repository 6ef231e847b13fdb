import { DateTime } from 'luxon';

/** A cell as read with a format. */
export interface FormatReading {
  readonly format: string;
  /** In the file's zone, where Luxon moves a time that clocks skip. */
  readonly reading: DateTime;
  /** With its own offset, or else in UTC, where no time is skipped. */
  readonly written: DateTime;
}

/**
 * Reads a cell with each of Luxon's formats that fit. Luxon accepts more than a format says, such as `13:04 AM`, or the year
 * 2024 for `yy`, so a reading counts only if formatting it gives the cell again.
 */
export function formatReadings(given: string, formats: readonly string[], zone: string): readonly FormatReading[] {
  return formats.flatMap((format): FormatReading[] => {
    const reading = DateTime.fromFormat(given, format, { zone, locale: 'en' });
    const written = DateTime.fromFormat(given, format, { zone: 'UTC', setZone: true, locale: 'en' });
    return reading.isValid && isWrittenAs(given, written, format) ? [{ format, reading, written }] : [];
  });
}

function isWrittenAs(given: string, written: DateTime, format: string): boolean {
  if (written.toFormat(format, { locale: 'en' }) === given) return true;
  const parts = tokensOf(format).map(({ literal, val }) => {
    const form = FREE_FORMS[val[0] ?? ''];
    if (!literal && form !== undefined) return form;
    // Luxon's own formats, such as `D`, expand to a year of four to six digits.
    const text = literal ? val : written.toFormat(val === 'yyyyy' ? 'yyyy' : val, { locale: 'en' });
    // Tokens of one letter also read two digits: `d` reads 02.
    const zero = !literal && val.length === 1 && /^\d$/.test(text) ? '0?' : '';
    const words = text.split(/\s/).map((word) => RegExp.escape(word));
    return zero + words.join('\\s');
  });
  return new RegExp(`^${parts.join('')}$`, 'iu').test(given);
}

/** Offsets, zones and fractions of a second can be written in several equivalent ways. */
const FREE_FORMS: Readonly<Record<string, string>> = { Z: '[+-][\\d:]+', z: '\\S+', u: '\\d+' };

type Tokens = ReturnType<typeof DateTime.fromFormatExplain>['tokens'];

const known = new Map<string, Tokens>();

/** The tokens as Luxon parses them, so that quotes and macro tokens such as `D` are treated in the same way. */
function tokensOf(format: string): Tokens {
  const tokens = known.get(format) ?? DateTime.fromFormatExplain('', format, { locale: 'en' }).tokens;
  known.set(format, tokens);
  return tokens;
}
