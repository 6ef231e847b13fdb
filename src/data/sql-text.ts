/** A string as an SQL literal, for sessions without NO_BACKSLASH_ESCAPES (`openConnection` ensures that). */
export function textLiteral(text: string): string {
  // oxlint-disable-next-line no-control-regex -- NUL is what is looked for
  return /['\\\u0000]/.test(text)
    ? `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\u0000', '\\0')}'`
    : `'${text}'`;
}

/** Like `textLiteral`, and NULL for null. */
export function nullableLiteral(text: string | null): string {
  return text === null ? 'NULL' : textLiteral(text);
}

/** Several strings as a list of SQL literals, as for IN. */
export function textLiterals(texts: readonly string[]): string {
  return texts.map(textLiteral).join(', ');
}

/** Converts milliseconds since 1970 to a DATETIME(3) text in UTC, `2024-02-29 23:59:59.999`. */
export function dateTimeText(epochMs: number): string {
  const iso = new Date(epochMs).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}`;
}

/** Like `dateTimeText`, as an SQL literal. */
export function dateTimeLiteral(epochMs: number): string {
  return `'${dateTimeText(epochMs)}'`;
}
