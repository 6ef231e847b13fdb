import { CliError, EXIT } from '../../cli-error.ts';
import { quoted } from '../../errors.ts';
import { normaliseText } from '../../crm/text.ts';
import type { Scratch } from './scratch.ts';
import { columnIndex, type SourceFile, type SourceRow } from './source-file.ts';
import { RowProblem } from './values.ts';

/** The origin of a value, before its conversion. */
export interface ValueSource {
  readonly column?: string | undefined;
  readonly template?: string | undefined;
  readonly constant?: string | undefined;
  readonly values?: string | Readonly<Record<string, string | null>> | undefined;
  readonly otherwise?: string | null | undefined;
  readonly default?: string | undefined;
}

/** Evaluates a mapping's expression for a row; null if it has no value. Throws RowProblem. */
export type Evaluate = (row: SourceRow) => string | null;

/** A joined file, whose rows are in the scratch. */
export interface JoinedFile {
  readonly file: SourceFile;
  /** The name of its rows in the scratch. */
  readonly rows: string;
  readonly on: Evaluate;
}

/** What names in an expression can refer to. */
export interface Scope {
  readonly file: SourceFile;
  readonly joins: ReadonlyMap<string, JoinedFile>;
  readonly valueMaps: Readonly<Record<string, Readonly<Record<string, string | null>>>>;
  readonly scratch: Scratch;
}

/**
 * Compiles an expression.
 * Columns that do not exist are added to their file's `missing`.
 * @throws CliError (exit code 65) when it names a value map that does not exist
 */
export function compileExpression(source: ValueSource, scope: Scope): Evaluate {
  const read = compileRead(source, scope);
  const given = typeof source.values === 'string' ? namedMap(source.values, scope) : source.values;
  // Cells are normalised, so the mapping's words must be, too.
  const words =
    given && Object.fromEntries(Object.entries(given).map(([word, value]) => [normaliseText(word), value] as const));
  const byDefault = source.default ?? null;
  if (words === undefined) return (row) => read(row) ?? byDefault;
  const { otherwise } = source;
  return (row) => {
    const word = read(row);
    if (word === null) return byDefault;
    if (Object.hasOwn(words, word)) return words[word] ?? byDefault;
    if (otherwise !== undefined) return otherwise ?? byDefault;
    throw new RowProblem(`the mapping has no value for ${quoted(word)}`);
  };
}

function compileRead(source: ValueSource, scope: Scope): Evaluate {
  const { constant, template, column } = source;
  if (constant !== undefined) return () => constant;
  if (template !== undefined) return compileTemplate(template, scope);
  return compileColumn(column ?? '', scope);
}

function namedMap(name: string, scope: Scope) {
  const words = Object.hasOwn(scope.valueMaps, name) ? scope.valueMaps[name] : undefined;
  if (words !== undefined) return words;
  throw new CliError(`The mapping has no value map called "${name}".`, { exitCode: EXIT.dataError });
}

/** Compiles `column`, or `join.column` for a joined file. */
function compileColumn(name: string, scope: Scope): Evaluate {
  const point = name.indexOf('.');
  const join = point === -1 ? undefined : scope.joins.get(name.slice(0, point));
  if (join === undefined || scope.file.header.includes(normaliseText(name))) {
    const index = columnIndex(scope.file, name);
    return (row) => row.cell(index);
  }
  const index = columnIndex(join.file, name.slice(point + 1));
  return (row) => {
    const key = join.on(row);
    const text = key === null ? undefined : scope.scratch.joinRow(join.rows, key)?.[index];
    return text === undefined || text === '' ? null : text;
  };
}

/**
 * Compiles text with `{column}` in it; null if all of its columns are empty, so that no lone punctuation is left. The template's
 * blanks next to an empty column are dropped; those within values are kept.
 */
function compileTemplate(template: string, scope: Scope): Evaluate {
  const parts = template.split(/\{([^{}]+)\}/);
  const reads = parts.map((part, index) => (index % 2 === 1 ? compileColumn(part.trim(), scope) : part));
  return (row) => {
    const texts = reads.map((read) => (typeof read === 'string' ? read : read(row)));
    const found = texts.filter((text, index) => index % 2 === 1 && text !== null);
    if (found.length === 0) return null;
    let text = '';
    // True at the start and after an empty column; `ownBlanks` is how many of the template's own blanks end the text.
    let isAfterGap = true;
    let ownBlanks = 0;
    for (const [index, part] of texts.entries()) {
      const isOwn = index % 2 === 0;
      const piece = isOwn && isAfterGap && (text === '' || ownBlanks > 0) ? (part ?? '').trimStart() : (part ?? '');
      text += piece;
      if (part === null) isAfterGap = true;
      if (piece === '') continue;
      isAfterGap = false;
      ownBlanks = isOwn ? piece.length - piece.trimEnd().length : 0;
    }
    return text.slice(0, text.length - ownBlanks);
  };
}
