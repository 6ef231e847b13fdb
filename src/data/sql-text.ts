/** A string as an SQL literal; the session must not have NO_BACKSLASH_ESCAPES (`openConnection` sees to that). */
export function textLiteral(text: string): string {
  // oxlint-disable-next-line no-control-regex -- NUL is what is looked for
  return /['\\\u0000]/.test(text)
    ? `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\u0000', '\\0')}'`
    : `'${text}'`;
}

/** As `textLiteral`, and NULL for null. */
export function nullableLiteral(text: string | null): string {
  return text === null ? 'NULL' : textLiteral(text);
}

/** Milliseconds since 1970 as the UTC text that DATETIME(3) holds, `2024-02-29 23:59:59.999`. */
export function dateTimeText(epochMs: number): string {
  const iso = new Date(epochMs).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}`;
}

/** As `dateTimeText`, as an SQL literal. */
export function dateTimeLiteral(epochMs: number): string {
  return `'${dateTimeText(epochMs)}'`;
}
