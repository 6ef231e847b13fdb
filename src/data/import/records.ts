import { foldCase } from '../../crm/collation.ts';
import { MAX_TAGS } from '../../crm/customer/table.ts';
import { columnName, createConversion } from './conversions.ts';
import { compileExpression, type Scope } from './expressions.ts';
import type {
  AddressExpression,
  LineTextExpression,
  PhoneExpression,
  SourceSettings,
  TagExpression,
  ValueExpression,
} from './mapping-schema.ts';
import { toOneLine } from '../../crm/text.ts';
import { atField, type SourceRow } from './source-file.ts';
import { ADDRESS_PARTS, TAG, TARGETS, type FieldSpec, type TableTarget } from './targets.ts';
import { RowProblem, splitExtension } from './values.ts';

export type AddressRow = readonly (string | null)[];

/** A row as stored, before references are resolved. It contains only mapped fields. */
export interface TargetRecord {
  readonly key: string;
  /** By field: a column's text, or the key of a referenced row. */
  readonly values: ReadonlyMap<string, string | null>;
  readonly tags?: readonly string[];
  /** The mapping's column of each tag. */
  readonly tagColumns?: readonly string[];
  /** label, line1, line2, city, region, postal_code, country. */
  readonly addresses?: readonly AddressRow[];
  readonly notes?: readonly ValueNote[];
}

/** A value that was left empty or cut, as the mapping allows; its row is still imported. */
export interface ValueNote {
  readonly kind: 'leftEmpty' | 'cut';
  readonly field: string;
  /** Its origin in the mapping: a column or a template. */
  readonly column: string;
  readonly value: string;
  readonly reason: string;
}

/** What conversions need besides the row. */
export interface RecordScope extends Scope {
  readonly timeZone: string;
}

/** A field's value; null for none, undefined to keep the stored one. Adds values left empty or cut to `notes`. */
type Read = (row: SourceRow, notes: ValueNote[]) => string | null | undefined;

/**
 * Compiles a source's fields.
 * @returns `convert`, from a row to a record, which throws RowProblem, and `keyOf`, a row's key if it has one
 * @throws CliError (exit code 65) when the mapping names a value map that does not exist
 */
export function compileRecord(
  target: TableTarget,
  source: SourceSettings,
  scope: RecordScope,
): { convert: (row: SourceRow) => TargetRecord; keyOf: (row: SourceRow) => string | null } {
  const spec = TARGETS[target];
  const reads = Object.entries(spec.fields)
    .filter(([field]) => source.fields[field] !== undefined)
    .map(([field, one]) => {
      const read = compileField(field, { spec: one, source: source.fields[field] as ValueExpression, scope });
      return [field, read] as const;
    });
  const tags = compileTags(source.fields['tags'] as readonly TagExpression[] | undefined, scope);
  const addresses = compileAddresses(source.fields['addresses'] as readonly AddressExpression[] | undefined, scope);
  const convertRow = (row: SourceRow): TargetRecord => {
    const notes: ValueNote[] = [];
    const values = new Map<string, string | null>();
    for (const [field, read] of reads) {
      const value = read(row, notes);
      if (value !== undefined) values.set(field, value);
    }
    return {
      key: values.get(spec.key) ?? '',
      values,
      notes,
      ...tags?.(row),
      ...(addresses === undefined ? {} : { addresses: addresses(row, notes) }),
    };
  };
  const evaluateKey = compileExpression(source.fields[spec.key] as ValueExpression, scope);
  const keyOf = (row: SourceRow) => {
    try {
      return evaluateKey(row);
    } catch (error) {
      if (error instanceof RowProblem) return null;
      throw error;
    }
  };
  return { convert: convertRow, keyOf };
}

/** Compiles one field: its origin, conversion and value for an empty cell. */
export function compileField(
  field: string,
  { spec, source, scope }: { spec: FieldSpec; source: ValueExpression; scope: RecordScope },
): Read {
  const evaluate = compileExpression(source, scope);
  const { country, invalid, extension, tooLong, lineBreaks } = source as Partial<PhoneExpression & LineTextExpression>;
  const evaluateCountry = country === undefined ? undefined : compileExpression(country, scope);
  const convert = createConversion(spec, source, scope.timeZone);
  const column = columnName(source);
  const none = spec.byDefault ?? (spec.isOptional === true ? undefined : null);
  return atField(field, column, (row: SourceRow, notes: ValueNote[]) => {
    const given = evaluate(row);
    const text = given !== null && lineBreaks === 'blank' ? toOneLine(given) : given;
    if (text === null) {
      if (none !== null || spec.isNullable === true) return none;
      throw new RowProblem('expected a value, got none');
    }
    const note = (kind: ValueNote['kind'], reason: string) =>
      notes.push({ kind, field, column, value: text, reason: `${field}: ${reason}` });
    try {
      const where = evaluateCountry?.(row) ?? null;
      const parts = extension === 'cut' ? splitExtension(text, where) : null;
      const cut = tooLong === 'cut' && spec.kind === 'text' ? cutText(text, spec.maxLength) : text;
      const value = convert(parts?.number ?? cut, where);
      if (parts !== null) note('cut', `the extension ${parts.extension} was cut off`);
      if (cut !== text && spec.kind === 'text') note('cut', `cut to ${spec.maxLength} characters`);
      return value;
    } catch (error) {
      if (invalid !== 'null' || !(error instanceof RowProblem)) throw error;
      note('leftEmpty', error.message);
      return null;
    }
  });
}

/** Counts like VARCHAR, and does not cut within an emoji. */
function cutText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const characters = Array.from(text);
  if (characters.length <= maxLength) return text;
  let cut = '';
  let length = 0;
  for (const { segment } of graphemes.segment(characters.slice(0, maxLength + 50).join(''))) {
    length += Array.from(segment).length;
    if (length > maxLength) break;
    cut += segment;
  }
  return cut;
}

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** Tags that differ only in case count as one. `withDistinctTags` later asks the database which others are equal. */
function compileTags(sources: readonly TagExpression[] | undefined, scope: RecordScope) {
  if (sources === undefined) return undefined;
  const readers = sources.map((source) => {
    const evaluate = compileExpression(source, scope);
    const convert = createConversion(TAG, source, scope.timeZone);
    const column = columnName(source);
    const read = atField('tags', column, (row: SourceRow): readonly string[] => {
      const text = evaluate(row);
      const parts = text === null ? [] : source.split === undefined ? [text] : text.split(source.split);
      return parts.map((part) => convert(part.trim(), null)).filter((tag) => tag !== '');
    });
    return (row: SourceRow) => read(row).map((tag) => ({ tag, column }));
  });
  return (row: SourceRow) => {
    const known = new Map<string, { readonly tag: string; readonly column: string }>();
    for (const one of readers.flatMap((read) => read(row))) {
      const key = foldCase(one.tag);
      if (!known.has(key)) known.set(key, one);
    }
    if (known.size > MAX_TAGS) throw new RowProblem(`tags: expected at most ${MAX_TAGS} tags, got ${known.size}`);
    const given = [...known.values()];
    return { tags: given.map(({ tag }) => tag), tagColumns: given.map(({ column }) => column) };
  };
}

function compileAddresses(sources: readonly AddressExpression[] | undefined, scope: RecordScope) {
  if (sources === undefined) return undefined;
  const addresses = sources.map((address) =>
    Object.entries(ADDRESS_PARTS).map(([part, spec]) => {
      const source = address[part as keyof typeof ADDRESS_PARTS];
      return source === undefined ? undefined : compileField(`addresses: ${part}`, { spec, source, scope });
    }),
  );
  return (row: SourceRow, notes: ValueNote[]): readonly AddressRow[] => {
    const rows: AddressRow[] = [];
    for (const readers of addresses) {
      const own: ValueNote[] = [];
      const texts = readers.map((read) => read?.(row, own) ?? null);
      // Without its first line, it is no address.
      if (texts[1] === null) continue;
      rows.push(texts);
      notes.push(...own);
    }
    return rows;
  };
}
