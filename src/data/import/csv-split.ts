import { createPlainField, createQuotedField, hasEscape, type Cell, type CsvFormat } from './csv-fields.ts';

/** A record and the position after its line break. */
export interface SplitRecord {
  readonly end: number;
  readonly fields?: readonly Cell[];
  readonly problem?: string;
}

// Otherwise an unclosed quote would read the rest of the file into memory.
const MAX_RECORD = 1024 * 1024;

/**
 * Prepares splitting a format.
 * @returns a function that returns the record starting at `start`; undefined if its end is not in the text yet
 */
export function createSplitter(format: CsvFormat) {
  const { delimiter, quote, escape, lineBreak = '\n' } = format;
  const escapes = hasEscape(format);
  const isSimple = (line: string) => (quote === '' || !line.includes(quote)) && !(escapes && line.includes(escape));
  const plainField = createPlainField(format);
  const quotedField = createQuotedField(format);

  /** Where the next field starts, or the record ends. */
  const afterField = (text: string, end: number, isEnd: boolean) => {
    if (text.startsWith(delimiter, end)) return { next: end + delimiter.length };
    if (text[end] === lineBreak) return { end: end + 1 };
    if (lineBreak === '\n' && text.startsWith('\r\n', end)) return { end: end + 2 };
    if (end >= text.length && isEnd) return { end };
    // The delimiter or line break may be cut off by the end of a chunk.
    if (!isEnd && text.length - end < Math.max(delimiter.length, 2)) return undefined;
    return 'wrong';
  };

  return (text: string, start: number, isEnd: boolean): SplitRecord | undefined => {
    const found = text.indexOf(lineBreak, start);
    const mayGrow = !isEnd && text.length - start <= MAX_RECORD;
    if (found === -1 && mayGrow) return undefined;
    const lineEnd = found === -1 ? text.length : found + 1;
    const line = withoutBreak(text.slice(start, lineEnd));
    if (line.length > MAX_RECORD) return { end: lineEnd, problem: 'the record is longer than 1 MiB' };
    if (isSimple(line)) return { end: lineEnd, fields: line.split(delimiter) };
    const fields: Cell[] = [];
    for (let at = start; ;) {
      const isQuoted = quote !== '' && text.startsWith(quote, at);
      const field = isQuoted ? quotedField(text, at, isEnd) : plainField(text, at, isEnd);
      if (field === undefined && mayGrow) return undefined;
      if (field === undefined)
        return { end: lineEnd, problem: `a quote is opened in column ${fields.length + 1} and not closed` };
      fields.push(field.value);
      const after = afterField(text, field.end, isEnd);
      if (after === undefined && mayGrow) return undefined;
      if (after === undefined || after === 'wrong')
        return { end: lineEnd, problem: `column ${fields.length} continues after its closing quote` };
      if (after.next === undefined) return { end: after.end, fields };
      at = after.next;
    }
  };
}

export const withoutBreak = (text: string): string => text.replace(/(?:\r?\n|\r)$/, '');
