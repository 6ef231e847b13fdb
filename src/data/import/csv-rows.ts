import { createReadStream } from 'node:fs';
import { UserError } from '../../user-error.ts';

/** How a file is written; see docs/importing.md. */
export interface CsvFormat {
  readonly delimiter: string;
  /** Empty: quotes have no meaning. */
  readonly quote: string;
  /** What makes a quote within quotes literal: the quote itself, or a backslash. */
  readonly escape: string;
  /** A label of the Encoding Standard, such as `utf-8` or `windows-1252`. */
  readonly encoding: string;
}

/** A record of the file: its cells, or why it could not be read. `line` counts from 1 and is where the record begins. */
export type CsvRecord =
  | { readonly line: number; readonly raw: string; readonly cells: readonly string[]; readonly problem?: never }
  | { readonly line: number; readonly raw: string; readonly problem: string };

// A quote that is never closed would otherwise take the rest of the file into memory.
const LONGEST_RECORD = 1024 * 1024;
const UTF8_BOM = '\u00ef\u00bb\u00bf';

/**
 * Reads a CSV file record by record; memory is bounded by the longest record, at most 1 MiB.
 *
 * A record with wrong quotes costs its first line only and reading goes on with the next one: csv-parse 7.0.3, tried
 * first, loses the rest of the file after a quote that is not closed, and its line numbers run ahead after CRLF.
 * @yields records in the file's order; blank lines are passed over
 */
export async function* readCsvRecords(path: string, format: CsvFormat): AsyncGenerator<CsvRecord> {
  const decode = createDecoder(format.encoding);
  let waiting = '';
  let line = 1;
  for await (const chunk of characterChunks(path, format.encoding)) {
    waiting += chunk;
    const read = takeRecords(waiting, { format, decode, line, isEnd: false });
    yield* read.records;
    ({ waiting, line } = read);
  }
  yield* takeRecords(waiting, { format, decode, line, isEnd: true }).records;
}

/** The file with one character a byte, so that delimiters are found before anything is decoded. */
async function* characterChunks(path: string, encoding: string): AsyncGenerator<string> {
  const stream = createReadStream(path, { highWaterMark: 256 * 1024 });
  // UTF-16 is the one encoding in use whose delimiters are not single bytes.
  const wide = /^utf-?16/i.test(encoding) ? new TextDecoder(encoding) : undefined;
  let isFirst = true;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const text = wide ? Buffer.from(wide.decode(chunk, { stream: true })).toString('latin1') : chunk.toString('latin1');
    yield isFirst && text.startsWith(UTF8_BOM) ? text.slice(UTF8_BOM.length) : text;
    isFirst = false;
  }
}

type Decode = (bytes: string) => string | undefined;

const REPLACEMENT = '\ufffd';
const REPLACEMENT_IN_UTF8 = '\u00ef\u00bf\u00bd';

/** Gives undefined for bytes that are not text in the encoding. */
function createDecoder(encoding: string): Decode {
  const decoder = new TextDecoder(/^utf-?16/i.test(encoding) ? 'utf-8' : encoding, { ignoreBOM: true });
  return (bytes) => {
    // oxlint-disable-next-line no-control-regex -- ASCII is the same in every encoding that gets here
    if (/^[\u0000-\u007f]*$/.test(bytes)) return bytes;
    const text = decoder.decode(Buffer.from(bytes, 'latin1'));
    return text.includes(REPLACEMENT) && !bytes.includes(REPLACEMENT_IN_UTF8) ? undefined : text;
  };
}

interface Reading {
  readonly format: CsvFormat;
  readonly decode: Decode;
  readonly line: number;
  readonly isEnd: boolean;
}

/** The whole records at the start of `text`, and what is left of it. */
function takeRecords(text: string, reading: Reading) {
  const records: CsvRecord[] = [];
  let { line } = reading;
  let start = 0;
  while (start < text.length) {
    const found = splitRecord(text, start, reading);
    if (found === undefined) break;
    const bytes = text.slice(start, found.end).replace(/\r?\n$/, '');
    if (bytes !== '') records.push(toRecord(bytes, line, { found, decode: reading.decode }));
    line += countLines(text, start, found.end);
    start = found.end;
  }
  return { records, waiting: text.slice(start), line };
}

/** `end` is after the record's line break. */
type Split = { readonly end: number; readonly fields?: readonly string[]; readonly problem?: string };

function toRecord(bytes: string, line: number, parts: { found: Split; decode: Decode }): CsvRecord {
  const { found, decode } = parts;
  const raw = decode(bytes) ?? bytes;
  if (found.problem !== undefined) return { line, raw, problem: found.problem };
  const cells: string[] = [];
  for (const field of found.fields ?? []) {
    const cell = decode(field);
    if (cell === undefined) return { line, raw, problem: `column ${cells.length + 1} holds bytes that are not text` };
    cells.push(cell);
  }
  return { line, raw, cells };
}

/** One record from `start`; undefined when its end is not in the text yet. */
function splitRecord(text: string, start: number, reading: Reading): Split | undefined {
  const { delimiter, quote } = reading.format;
  const newline = text.indexOf('\n', start);
  if (newline === -1 && !reading.isEnd && text.length - start <= LONGEST_RECORD) return undefined;
  const lineEnd = newline === -1 ? text.length : newline + 1;
  const firstLine = text.slice(start, lineEnd).replace(/\r?\n$/, '');
  if (firstLine.length > LONGEST_RECORD) return { end: lineEnd, problem: 'the record is longer than 1 MiB' };
  if (quote === '' || !firstLine.includes(quote)) return { end: lineEnd, fields: firstLine.split(delimiter) };
  const fields: string[] = [];
  for (let at = start; ;) {
    const field = text.startsWith(quote, at) ? quotedField(text, at, reading.format) : plainField(text, at, delimiter);
    if (field === 'unclosed') {
      if (!reading.isEnd && text.length - start <= LONGEST_RECORD) return undefined;
      return { end: lineEnd, problem: `a quote is opened in column ${fields.length + 1} and not closed` };
    }
    fields.push(field.value);
    if (text.startsWith(delimiter, field.end)) at = field.end + delimiter.length;
    else if (field.end >= text.length) return reading.isEnd ? { end: text.length, fields } : undefined;
    else if (text[field.end] === '\n') return { end: field.end + 1, fields };
    else if (text.startsWith('\r\n', field.end)) return { end: field.end + 2, fields };
    else if (text[field.end] === '\r' && field.end + 1 === text.length && !reading.isEnd) return undefined;
    else return { end: lineEnd, problem: `column ${fields.length} goes on after its closing quote` };
  }
}

function plainField(text: string, at: number, delimiter: string): { value: string; end: number } {
  const stops = [text.indexOf(delimiter, at), text.indexOf('\n', at)].filter((stop) => stop !== -1);
  const end = Math.min(text.length, ...stops);
  const isBeforeCrlf = text[end] === '\n' && end > at && text[end - 1] === '\r';
  return { value: text.slice(at, isBeforeCrlf ? end - 1 : end), end: isBeforeCrlf ? end - 1 : end };
}

function quotedField(text: string, at: number, format: CsvFormat): { value: string; end: number } | 'unclosed' {
  const { quote, escape } = format;
  let value = '';
  for (let from = at + 1; ;) {
    const closing = text.indexOf(quote, from);
    if (closing === -1) return 'unclosed';
    if (escape !== quote && text[closing - 1] === escape && closing > from) {
      value += text.slice(from, closing - 1) + quote;
      from = closing + 1;
    } else if (escape === quote && text[closing + 1] === quote) {
      value += text.slice(from, closing) + quote;
      from = closing + 2;
    } else {
      return { value: value + text.slice(from, closing), end: closing + 1 };
    }
  }
}

function countLines(text: string, start: number, end: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n', start); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}

/**
 * The file's column names.
 * @throws UserError (exit code 65) when there is no header, it cannot be read, or a name stands twice
 */
export async function readHeader(path: string, format: CsvFormat): Promise<readonly string[]> {
  for await (const record of readCsvRecords(path, format)) {
    if (record.problem !== undefined) throw headerError(path, record.problem);
    const names = record.cells.map((cell) => cell.trim());
    const twice = names.find((name, index) => name !== '' && names.indexOf(name) !== index);
    if (twice !== undefined) throw headerError(path, `the column "${twice}" stands twice`);
    return names;
  }
  throw headerError(path, 'the file is empty');
}

function headerError(path: string, problem: string): UserError {
  return new UserError(`${path}: expected a first line with column names, but ${problem}`, { exitCode: 65 });
}
