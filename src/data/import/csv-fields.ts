/** The format of a file; see docs/importing.md. */
export interface CsvFormat {
  readonly delimiter: string;
  /** Empty if quotes have no meaning. */
  readonly quote: string;
  /** Makes the next character literal: the quote itself, within quotes only, or another character, such as MySQL's backslash. */
  readonly escape: string;
  /** A name that `createDecoder` knows, such as `utf-8` or `windows-1252`. */
  readonly encoding: string;
  /** False if the file has no line with column names. */
  readonly hasNames?: boolean;
  /** Lines before the one with the column names; default 0. */
  readonly skipLines?: number;
  /** The default is a line feed, optionally after a carriage return. Very old files have only carriage returns. */
  readonly lineBreak?: '\n' | '\r';
}

/** A cell's text; null if the file marks it as having no value, as MySQL does with `\N`. */
export type Cell = string | null;

const ESCAPED_BY_MYSQL = new Map([
  ['0', '\0'],
  ['b', '\b'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['Z', '\u001a'],
]);

/** A field and the position where it ends; undefined if its end is not in the text yet. */
export type Field = { readonly value: Cell; readonly end: number } | undefined;

type ReadField = (text: string, at: number, isEnd: boolean) => Field;

/** Whether a character other than the quote makes the next one literal. */
export const hasEscape = ({ escape, quote }: CsvFormat): boolean => escape !== '' && escape !== quote;

/** Reads a field that does not start with a quote. */
export function createPlainField(format: CsvFormat): ReadField {
  const { delimiter, escape, lineBreak = '\n' } = format;
  const escapes = hasEscape(format);
  const marks = marksOf([delimiter, lineBreak, escapes ? escape : '']);
  return (text, at, isEnd) => {
    let value = '';
    for (let from = at; ;) {
      marks.lastIndex = from;
      const mark = marks.exec(text);
      const isEscape = escapes && mark?.[0] === escape;
      if (mark === null || (isEscape && mark.index + 1 >= text.length)) {
        if (!isEnd) return undefined;
        return { value: value + text.slice(from), end: text.length };
      }
      value += text.slice(from, mark.index);
      if (!isEscape) {
        const isNull = escape === '\\' && text.slice(at, mark.index).replace(/\r$/, '') === '\\N';
        if (mark[0] !== lineBreak || lineBreak === '\r' || !value.endsWith('\r'))
          return { value: isNull ? null : value, end: mark.index };
        return { value: isNull ? null : value.slice(0, -1), end: mark.index - 1 };
      }
      value += unescape(text.charAt(mark.index + 1), escape);
      from = mark.index + 2;
    }
  };
}

/** Reads a field that starts with a quote. */
export function createQuotedField(format: CsvFormat): ReadField {
  const { quote, escape } = format;
  const escapes = hasEscape(format);
  const marks = marksOf([quote, escapes ? escape : '']);
  return (text, at, isEnd) => {
    let value = '';
    for (let from = at + quote.length; ;) {
      marks.lastIndex = from;
      const mark = marks.exec(text);
      if (mark === null) return undefined;
      const after = mark.index + 1;
      if (after >= text.length && !isEnd) return undefined;
      value += text.slice(from, mark.index);
      if (escapes && mark[0] === escape) value += unescape(text.charAt(after), escape);
      // A doubled quote is one quote, whatever the escape: MySQL accepts and Excel writes that.
      else if (text[after] === quote) value += quote;
      else return { value, end: after };
      from = after + 1;
    }
  };
}

const unescape = (character: string, escape: string): string =>
  escape === '\\' ? (ESCAPED_BY_MYSQL.get(character) ?? character) : character;

const marksOf = (marks: readonly string[]): RegExp =>
  new RegExp(
    marks
      .filter((mark) => mark !== '')
      .map((mark) => RegExp.escape(mark))
      .join('|'),
    'g',
  );
