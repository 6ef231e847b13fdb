import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { CliError, EXIT } from '../../cli-error.ts';
import type { Cell, CsvFormat } from './csv-fields.ts';
import { createSplitter, withoutBreak, type SplitRecord } from './csv-split.ts';
import { createDecoder } from './encodings.ts';
import type { CsvSettings } from './mapping-schema.ts';

/** A record of the file: its cells, or why it could not be read. `line` is where it starts, counted from 1. */
export type CsvRecord = {
  readonly line: number;
  readonly raw: string;
  /** Whether it has the column names: true for the first record that is not blank, unless the mapping provides the names. */
  readonly isHeader: boolean;
} & ({ readonly cells: readonly Cell[]; readonly problem?: never } | { readonly problem: string });

const REPLACEMENT = '\ufffd';
const CHUNK_BYTES = 256 * 1024;

/**
 * Reads a CSV file record by record. Memory is bounded by the longest record, at most 1 MiB. The file is decoded before
 * splitting, since in many encodings a delimiter's byte can be part of another character.
 *
 * If the quotes of a record are wrong, only its first line is lost, and reading continues with the next one. csv-parse 7.0.3
 * loses the rest of the file after an unclosed quote, and counts lines wrongly after CRLF.
 * @yields records in the file's order, without blank lines
 */
export async function* readCsvRecords(path: string, format: CsvFormat): AsyncGenerator<CsvRecord> {
  const split = createSplitter(format);
  const { skipLines = 0, lineBreak = '\n' } = format;
  let line = 1;
  let isHeader = format.hasNames !== false;
  let waiting = '';
  for await (const { text, isEnd } of decodedChunks(path, format.encoding)) {
    waiting += text;
    let start = 0;
    while (start < waiting.length) {
      const found: SplitRecord | undefined =
        line <= skipLines ? lineOf(waiting, start, { lineBreak, isEnd }) : split(waiting, start, isEnd);
      if (found === undefined) break;
      const raw = withoutBreak(waiting.slice(start, found.end));
      if (raw !== '' && line > skipLines) {
        yield { line, raw, isHeader, ...contentOf(found) };
        isHeader = false;
      }
      line += waiting.slice(start, found.end).split(lineBreak).length - 1;
      start = found.end;
    }
    waiting = waiting.slice(start);
  }
}

function contentOf({ fields = [], problem }: SplitRecord) {
  if (problem !== undefined) return { problem };
  // The decoder's replacement for invalid bytes.
  const broken = fields.findIndex((field) => field?.includes(REPLACEMENT) === true);
  return broken === -1
    ? { cells: fields }
    : { problem: `column ${broken + 1} has bytes that are not text in its encoding` };
}

/** Reads a raw line, since what precedes the column names need not be CSV. */
function lineOf(text: string, start: number, reading: { lineBreak: string; isEnd: boolean }): SplitRecord | undefined {
  const found = text.indexOf(reading.lineBreak, start);
  if (found !== -1) return { end: found + 1 };
  return reading.isEnd ? { end: text.length } : undefined;
}

async function* decodedChunks(path: string, encoding: string): AsyncGenerator<{ text: string; isEnd: boolean }> {
  const decoder = decoderOf(encoding);
  const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  for await (const chunk of stream as AsyncIterable<Buffer>)
    yield { text: decoder.decode(chunk, { stream: true }), isEnd: false };
  yield { text: decoder.decode(), isEnd: true };
}

/** The mapping's check accepts only known encodings. */
function decoderOf(encoding: string) {
  const decoder = createDecoder(encoding);
  if (decoder === undefined) throw new Error(`there is no encoding "${encoding}"`);
  return decoder;
}

/**
 * Detects a file's format where the mapping does not specify it, and reads its column names.
 * @throws CliError (exit code 65) when the encoding, delimiter or header is not as expected
 */
export async function openCsv(
  path: string,
  csv: CsvSettings,
): Promise<{ format: CsvFormat; header: readonly string[] }> {
  const encoding = csv.encoding ?? 'utf-8';
  await refuseOtherMark(path, encoding);
  const { first, lineBreak } = await firstLine(path, encoding);
  const own = /^"?sep=([^"]+?)"?$/i.exec(first)?.[1];
  if (own !== undefined && csv.delimiter !== undefined && csv.delimiter !== own)
    throw new CliError(
      `${path}: its first line says that its delimiter is "${own}", but the mapping says "${csv.delimiter}".`,
      { exitCode: EXIT.dataError },
    );
  const quote = csv.quote ?? '"';
  const format: CsvFormat = {
    delimiter: csv.delimiter ?? own ?? ',',
    quote,
    escape: csv.escape ?? quote,
    encoding,
    skipLines: (csv.skipLines ?? 0) + (own === undefined ? 0 : 1),
    lineBreak,
    hasNames: csv.columns === undefined,
  };
  return { format, header: csv.columns ?? (await readHeader(path, format)) };
}

/** The first line and the kind of line break: very old files have carriage returns without line feeds. */
async function firstLine(path: string, encoding: string): Promise<{ first: string; lineBreak: '\n' | '\r' }> {
  let text = '';
  for await (const chunk of decodedChunks(path, encoding)) {
    text += chunk.text;
    const found =
      /^([^\r\n]*)(?:(\n|\r\n)|(\r)[^\n])/.exec(text) ?? (chunk.isEnd ? /^([^\r\n]*)()(\r)$/.exec(text) : null);
    if (found !== null) return { first: found[1] ?? '', lineBreak: found[3] === undefined ? '\n' : '\r' };
    if (text.length > CHUNK_BYTES * 4) break;
  }
  return { first: text, lineBreak: '\n' };
}

const MARKS = [
  { label: 'utf-8', bytes: 'efbbbf' },
  { label: 'utf-16le', bytes: 'fffe' },
  { label: 'utf-16be', bytes: 'feff' },
] as const;

async function refuseOtherMark(path: string, encoding: string): Promise<void> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
  const hex = buffer.subarray(0, bytesRead).toString('hex');
  const mark = MARKS.find(({ bytes }) => hex.startsWith(bytes));
  if (mark === undefined || decoderOf(encoding).encoding === mark.label) return;
  throw new CliError(
    `${path}: it begins with the byte order mark of ${mark.label}, but the mapping says ${encoding}.`,
    {
      exitCode: EXIT.dataError,
    },
  );
}

async function readHeader(path: string, format: CsvFormat): Promise<readonly string[]> {
  for await (const record of readCsvRecords(path, format)) {
    if ('problem' in record && record.problem !== undefined) throw headerError(path, record.problem);
    const names = record.cells.map((cell) => (cell ?? '').trim());
    const garbled = names.findIndex((name) => /[^\P{Cc}\t\r\n]/u.test(name));
    if (garbled !== -1)
      throw headerError(path, `column ${garbled + 1} has control characters, so ${format.encoding} may be wrong`);
    const header = numberRepeated(names);
    const twice = header.find((name, index) => name !== '' && header.indexOf(name) !== index);
    if (twice !== undefined) throw headerError(path, `the column "${twice}" appears twice`);
    return header;
  }
  throw headerError(path, 'the file is empty');
}

/** Issue trackers export one column per label, all named Labels. Here they become Labels#1, Labels#2 and so on. */
function numberRepeated(names: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  return names.map((name) => {
    if (name === '' || names.indexOf(name) === names.lastIndexOf(name)) return name;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return `${name}#${count}`;
  });
}

function headerError(path: string, problem: string): CliError {
  return new CliError(`${path}: expected a line with column names, but ${problem}`, { exitCode: EXIT.dataError });
}
