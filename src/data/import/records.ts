import { UserError } from '../../user-error.ts';
import { quoted } from '../../errors.ts';
import { MOST_ADDRESSES, MOST_TAGS } from '../../crm/customer/loaders.ts';
import { compileExpression, type Evaluate, type Scope, type ValueSource } from './expressions.ts';
import type {
  AddressExpression,
  DateExpression,
  DecimalExpression,
  PhoneExpression,
  SourceSettings,
  TagExpression,
} from './mapping.ts';
import { atField, type SourceRow } from './source-file.ts';
import { TARGETS, type FieldSpec, type TableTarget } from './targets.ts';
import {
  convertAmount,
  convertCountry,
  convertCurrency,
  convertDate,
  convertEmail,
  convertPhone,
  convertText,
  convertWord,
  isTimeZone,
  RowProblem,
} from './values.ts';

export type AddressRow = readonly (string | null)[];

/** A row in the form that the tables keep, before references are looked up. Only mapped fields are in it. */
export interface TargetRecord {
  readonly key: string;
  /** By field: a column's text, or the key of what is referred to. */
  readonly values: ReadonlyMap<string, string | null>;
  readonly tags?: readonly string[];
  /** label, line1, line2, city, region, postal_code, country. */
  readonly addresses?: readonly AddressRow[];
  readonly leftEmpty?: readonly LeftEmpty[];
}

/** A value that could not be read and was left empty, as the mapping says. */
export interface LeftEmpty {
  /** Where the mapping has it from: a column, or a template. */
  readonly column: string;
  readonly value: string;
  readonly reason: string;
}

/** What conversions need beside the row. */
export interface RecordScope extends Scope {
  readonly timeZone: string;
}

/** `leftEmpty` takes what was left empty. */
type Convert = (row: SourceRow, leftEmpty: LeftEmpty[]) => string | null;

/**
 * Makes a source's fields ready.
 * @returns `convert`, from a row to a record, which throws RowProblem, and `keyOf`, its key if there is any
 * @throws UserError (exit code 65) when the mapping does not fit the file
 */
export function compileRecord(
  target: TableTarget,
  source: SourceSettings,
  scope: RecordScope,
): { convert: (row: SourceRow) => TargetRecord; keyOf: (row: SourceRow) => string | null } {
  const spec = TARGETS[target];
  const converts = Object.entries(spec.fields)
    .filter(([field]) => source.fields[field] !== undefined)
    .map(([field, one]) => {
      const convert = compileField(field, { spec: one, source: source.fields[field] as ValueSource, scope });
      return [field, convert] as const;
    });
  const tags = compileTags(source.fields['tags'] as readonly TagExpression[] | undefined, scope);
  const addresses = compileAddresses(source.fields['addresses'] as readonly AddressExpression[] | undefined, scope);
  const convertRow = (row: SourceRow): TargetRecord => {
    const leftEmpty: LeftEmpty[] = [];
    const values = new Map(
      converts.map(([field, convert]) => [field, atField(field, () => convert(row, leftEmpty))] as const),
    );
    return {
      key: values.get(spec.key) ?? '',
      values,
      leftEmpty,
      ...(tags === undefined ? {} : { tags: atField('tags', () => tags(row, leftEmpty)) }),
      ...(addresses === undefined ? {} : { addresses: atField('addresses', () => addresses(row)) }),
    };
  };
  const evaluateKey = compileExpression(source.fields[spec.key] as ValueSource, scope);
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

function compileField(
  field: string,
  { spec, source, scope }: { spec: FieldSpec; source: ValueSource; scope: RecordScope },
): Convert {
  const evaluate = compileExpression(source, scope);
  const convert = compileConversion(spec, source, scope);
  const leavesOut = 'invalid' in source && source.invalid === 'null';
  const column = source.column ?? source.template ?? '';
  return (row, leftEmpty) => {
    const text = evaluate(row);
    if (text === null) {
      if (spec.isNullable === true) return null;
      throw new RowProblem('expected a value, got none');
    }
    try {
      return convert(text, row);
    } catch (error) {
      if (!leavesOut || !(error instanceof RowProblem)) throw error;
      leftEmpty.push({ column, value: text, reason: `${field}: ${error.message}` });
      return null;
    }
  };
}

function compileConversion(
  spec: FieldSpec,
  source: ValueSource,
  scope: RecordScope,
): (text: string, row: SourceRow) => string {
  switch (spec.kind) {
    case 'text': {
      const { words, most = 200 } = spec;
      return words === undefined ? (text) => convertText(text, most) : (text) => convertWord(text, words);
    }
    case 'reference':
      return (text) => convertText(text, 64);
    case 'currency':
      return convertCurrency;
    case 'email':
      return convertEmail;
    case 'amount':
      return (text) => convertAmount(text, source as DecimalExpression);
    case 'date': {
      const forms = dateForms(source, scope);
      return (text) => convertDate(text, forms);
    }
    case 'phone': {
      const { country } = source as PhoneExpression;
      const evaluate = country === undefined ? undefined : compileExpression(country, scope);
      return (text, row) => convertPhone(text, evaluate?.(row) ?? null);
    }
    default:
      return spec.kind satisfies never;
  }
}

function dateForms(source: DateExpression, scope: RecordScope) {
  const zone = source.timeZone ?? scope.timeZone;
  if (!isTimeZone(zone))
    throw new UserError(`The mapping names the time zone "${zone}", and there is none.`, { exitCode: 65 });
  return { formats: source.format === undefined ? [] : [source.format].flat(), zone };
}

// As the tags' collation sees it nearly enough: a double that slips through is refused by the primary key.
const sameTag = new Intl.Collator('und', { sensitivity: 'base' });

function compileTags(sources: readonly TagExpression[] | undefined, scope: Scope) {
  if (sources === undefined) return undefined;
  const evaluates = sources.map(
    (source) => [compileExpression(source, scope), source.split, source.column ?? source.template ?? ''] as const,
  );
  return (row: SourceRow, leftEmpty: LeftEmpty[]): readonly string[] => {
    const tags: string[] = [];
    for (const [evaluate, split, column] of evaluates) {
      const text = evaluate(row);
      for (const part of text === null ? [] : split === undefined ? [text] : text.split(split)) {
        const tag = convertText(part.trim(), 50);
        const same = tags.find((other) => sameTag.compare(other, tag) === 0);
        if (tag !== '' && same === undefined) tags.push(tag);
        else if (same !== undefined && same.toLowerCase() !== tag.toLowerCase())
          leftEmpty.push({ column, value: tag, reason: `tags: to the database it is ${quoted(same)}, which is there` });
      }
    }
    if (tags.length > MOST_TAGS) throw new RowProblem(`expected at most ${MOST_TAGS} tags, got ${tags.length}`);
    return tags;
  };
}

const ADDRESS_PARTS = [
  ['label', 50],
  ['line1', 200],
  ['line2', 200],
  ['city', 100],
  ['region', 100],
  ['postalCode', 20],
] as const;

function compileAddresses(sources: readonly AddressExpression[] | undefined, scope: Scope) {
  if (sources === undefined) return undefined;
  if (sources.length > MOST_ADDRESSES)
    throw new UserError(`The mapping has ${sources.length} addresses; expected at most ${MOST_ADDRESSES}.`, {
      exitCode: 65,
    });
  const compile = (source: ValueSource | undefined): Evaluate | undefined =>
    source === undefined ? undefined : compileExpression(source, scope);
  const addresses = sources.map((source) => ({
    parts: ADDRESS_PARTS.map(([name, most]) => [name, most, compile(source[name])] as const),
    country: compile(source.country),
  }));
  return (row: SourceRow): readonly AddressRow[] => {
    const rows: AddressRow[] = [];
    for (const { parts, country } of addresses) {
      const texts = parts.map(([name, most, evaluate]) =>
        addressPart(row, name, { evaluate, convert: (text) => convertText(text, most) }),
      );
      texts.push(addressPart(row, 'country', { evaluate: country, convert: convertCountry }));
      // An address without its first line is none.
      if (texts[1] !== null) rows.push(texts);
    }
    return rows;
  };
}

function addressPart(
  row: SourceRow,
  name: string,
  part: { evaluate: Evaluate | undefined; convert: (text: string) => string },
): string | null {
  return atField(name, () => {
    const text = part.evaluate?.(row) ?? null;
    return text === null ? null : part.convert(text);
  });
}
