import { access } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { CliError, EXIT } from '../../cli-error.ts';
import { isAscii, normaliseText } from '../../crm/text.ts';
import { isGiven } from '../../given.ts';
import { openCsv, readCsvRecords } from './csv-rows.ts';
import type { Cell, CsvFormat } from './csv-fields.ts';
import type { CsvSettings } from './mapping-schema.ts';
import { RowProblem } from './values.ts';

/** A CSV file whose header has been read. */
export interface SourceFile {
  /** Its name in the mapping. */
  readonly name: string;
  readonly path: string;
  readonly format: CsvFormat;
  readonly header: readonly string[];
  readonly overflowColumn: number | undefined;
  readonly nulls: ReadonlySet<string>;
  readonly trims: boolean;
  /** Columns that were asked for and that it does not have; shared by all files of an import. */
  readonly missing: MissingColumn[];
}

interface MissingColumn {
  readonly file: string;
  readonly column: string;
  readonly header: readonly string[];
}

/** A raw row and its place. */
export interface RowPlace {
  readonly file: string;
  readonly line: number;
  readonly raw: string;
}

/** A row of the file. `cell` takes a column's index; null for no value. */
export interface SourceRow {
  readonly line: number;
  readonly raw: string;
  cell(index: number): string | null;
}

/** A row, or what is wrong with it. */
export type SourceRead = SourceRow | { readonly line: number; readonly raw: string; readonly problem: string };

/**
 * Opens a file and reads its header.
 * @param settings.missing is added to when it lacks the overflow column
 * @throws CliError with exit code 66 when it is missing, 65 when its header is wrong
 */
export async function openSourceFile(
  folder: string,
  name: string,
  settings: { csv: CsvSettings; overflowColumn?: string | undefined; missing: MissingColumn[] },
): Promise<SourceFile> {
  const path = joinPath(folder, name);
  await access(path).catch((error: unknown) => {
    throw new CliError(`The mapping names ${name}, but there is no such file in ${folder}.`, {
      cause: error,
      exitCode: EXIT.noInput,
    });
  });
  const { csv, missing } = settings;
  const { format, header: cells } = await openCsv(path, csv);
  const header = cells.map(normaliseText);
  const file = { name, path, format, header, nulls: new Set(csv.nulls), trims: csv.trim ?? true, missing };
  const overflowColumn = settings.overflowColumn === undefined ? undefined : columnIndex(file, settings.overflowColumn);
  return { ...file, overflowColumn };
}

/**
 * The index of a column; -1, and an entry in the file's `missing`, if it has none of that name, so that all such columns can be
 * reported at once.
 */
export function columnIndex(file: Pick<SourceFile, 'name' | 'header' | 'missing'>, column: string): number {
  const index = file.header.indexOf(normaliseText(column));
  if (index === -1) file.missing.push({ file: file.name, column, header: file.header });
  return index;
}

/** @throws CliError (exit code 65) with a line for each file that lacks columns, unless none does */
export function assertNoneMissing(missing: readonly MissingColumn[]): void {
  if (missing.length === 0) return;
  const files = new Map<string, Set<string>>();
  for (const { file, column, header } of missing) {
    // A file may be read in several ways, and have other columns each time.
    const key = JSON.stringify([file, header.join(', ')]);
    files.set(key, (files.get(key) ?? new Set()).add(`"${column}"`));
  }
  const lines = Array.from(files, ([key, columns]) => {
    const [file, header] = JSON.parse(key) as [string, string];
    const word = columns.size === 1 ? 'column' : 'columns';
    return `${file} has no ${word} ${[...columns].join(', ')}; it has ${header}.`;
  });
  throw new CliError(lines.join('\n'), { exitCode: EXIT.dataError });
}

/** The rows after the header. */
export async function* readSourceRows(file: SourceFile): AsyncGenerator<SourceRead> {
  for await (const record of readCsvRecords(file.path, file.format)) {
    if (record.isHeader) continue;
    const { line, raw } = record;
    if (record.problem !== undefined) {
      yield { line, raw, problem: record.problem };
      continue;
    }
    const cells = fitCells(file, record.cells);
    yield cells === undefined
      ? { line, raw, problem: `expected ${file.header.length} columns, got ${record.cells.length}` }
      : { line, raw, cell: (index) => cellValue(file, cells[index]) };
  }
}

function fitCells(file: SourceFile, cells: readonly Cell[]): readonly Cell[] | undefined {
  const surplus = cells.length - file.header.length;
  if (surplus === 0) return cells;
  const at = file.overflowColumn;
  if (surplus < 0 || at === undefined) return undefined;
  const joined = cells
    .slice(at, at + surplus + 1)
    .map((cell) => cell ?? '')
    .join(file.format.delimiter);
  return [...cells.slice(0, at), joined, ...cells.slice(at + surplus + 1)];
}

/** What could become an email address by normalising is kept as it is, so that it is refused. Conversions normalise texts. */
const becomesEmail = (cell: string, normal: string): boolean => cell.includes('@') && isAscii(normal) && !isAscii(cell);

function cellValue(file: SourceFile, cell: string | null | undefined): string | null {
  if (!isGiven(cell)) return null;
  const normal = normaliseText(cell);
  const kept = becomesEmail(cell, normal) ? cell : normal;
  const text = file.trims ? kept.trim() : kept;
  return text === '' || file.nulls.has(text) ? null : text;
}

/** A reader that adds the field and column to problems. */
export function atField<Args extends readonly unknown[], T>(
  field: string,
  column: string,
  read: (...args: Args) => T,
): (...args: Args) => T {
  return (...args) => {
    try {
      return read(...args);
    } catch (error) {
      if (error instanceof RowProblem) throw new RowProblem(`${field}: ${error.message}`, column);
      throw error;
    }
  };
}
