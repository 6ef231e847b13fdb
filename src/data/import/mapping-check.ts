import { isGiven } from '../../given.ts';
import { isTimeZone, tellsTheDay } from './dates.ts';
import { createConversion } from './conversions.ts';
import type {
  CsvSettings,
  DateExpression,
  DecimalExpression,
  Mapping,
  SourceSettings,
  TargetName,
  ValueExpression,
} from './mapping-schema.ts';
import { problemOfForm } from './numbers.ts';
import { ADDRESS_PARTS, ITEM_FIELDS, PHONE_COUNTRY, TAG, TARGETS, type FieldSpec } from './targets.ts';
import { RowProblem } from './values.ts';

/** A problem and its place. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

type Path = readonly PropertyKey[];

/** The problems of a mapping that matches the schema, independent of the files: invalid words, time zones and formats. */
export function mappingProblems(mapping: Mapping): readonly Problem[] {
  const problems = [...zoneProblems(mapping.timeZone, ['timeZone']), ...csvProblems(mapping.csv, ['csv'])];
  for (const [target, blocks] of Object.entries(mapping.targets))
    for (const [index, block] of (blocks ?? []).entries()) {
      const path = ['targets', target, index];
      problems.push(...blockProblems(mapping, { target: target as TargetName, block, path }));
    }
  return problems;
}

function blockProblems(
  mapping: Mapping,
  { target, block, path }: { target: TargetName; block: SourceSettings; path: Path },
): readonly Problem[] {
  const csv = { ...mapping.csv, ...block.csv };
  const problems = [...csvProblems(csv, [...path, 'csv'])];
  for (const [name, join] of Object.entries(block.joins)) {
    problems.push(...csvProblems({ ...mapping.csv, ...join.csv }, [...path, 'joins', name, 'csv']));
    problems.push(
      ...sourceProblems(mapping, { source: join.on, spec: undefined, path: [...path, 'joins', name, 'on'] }),
    );
  }
  if (block.onlyIf !== undefined)
    problems.push(...sourceProblems(mapping, { source: block.onlyIf, spec: undefined, path: [...path, 'onlyIf'] }));
  if (target === 'orderItems' && block.repeats !== 'reject')
    problems.push({
      path: [...path, 'repeats'],
      message: `expected no repeats for orderItems, since an order may have equal lines; got "${block.repeats}"`,
    });
  const { unitPrice, total } = block.fields;
  if (target === 'orderItems' && (unitPrice === undefined) === (total === undefined))
    problems.push({
      path: [...path, 'fields'],
      message: `expected exactly one of unitPrice and total, since the other is calculated; got ${total === undefined ? 'none' : 'both'}`,
    });
  for (const value of valuesOf(target, block)) {
    const at = { ...value, path: [...path, 'fields', ...value.path] };
    problems.push(...sourceProblems(mapping, at));
  }
  return problems;
}

interface FieldValue {
  readonly source: ValueExpression;
  /** Undefined if any value is allowed. */
  readonly spec: FieldSpec | undefined;
  readonly path: Path;
}

/** All value expressions in a block's fields. */
function valuesOf(target: TargetName, block: SourceSettings): readonly FieldValue[] {
  const specs: Readonly<Record<string, FieldSpec>> = target === 'orderItems' ? ITEM_FIELDS : TARGETS[target].fields;
  return Object.entries(block.fields).flatMap(([name, given]): readonly FieldValue[] => {
    if (given === undefined) return [];
    if (name === 'tags')
      return (given as ValueExpression[]).map((source, index) => ({ source, spec: TAG, path: [name, index] }));
    if (name === 'addresses')
      return (given as Record<string, ValueExpression | undefined>[]).flatMap((address, index) =>
        Object.entries(ADDRESS_PARTS).flatMap(([part, spec]) => {
          const source = address[part];
          return source === undefined ? [] : [{ source, spec, path: [name, index, part] }];
        }),
      );
    const source = given as ValueExpression & { country?: ValueExpression };
    const field = { source, spec: specs[name], path: [name] };
    const { country } = source;
    return country === undefined ? [field] : [field, { source: country, spec: PHONE_COUNTRY, path: [name, 'country'] }];
  });
}

function sourceProblems(mapping: Mapping, { source, spec, path }: FieldValue): readonly Problem[] {
  const { values, template, constant } = source;
  const named = typeof values === 'string' ? namedMap(mapping, values) : values;
  if (typeof values === 'string' && named === undefined)
    return [{ path: [...path, 'values'], message: `there is no value map called "${values}"` }];
  const form = formProblems(mapping, { source, spec, path });
  if (form.length > 0) return form;
  const problems: Problem[] = [];
  if (template !== undefined && !/\{[^{}]+\}/.test(template))
    problems.push({ path: [...path, 'template'], message: 'expected a column in it, such as {name}; got none' });
  const said: [Path, string | null | undefined][] = [
    [['default'], source.default],
    [['otherwise'], source.otherwise],
    ...Object.entries(named ?? {}).map(([word, value]): [Path, string | null] => [['values', word], value]),
  ];
  if (named === undefined) said.push([['constant'], constant]);
  else if (constant !== undefined && !Object.hasOwn(named, constant) && source.otherwise === undefined)
    problems.push({ path: [...path, 'constant'], message: `expected a word of "values", got "${constant}"` });
  if (spec === undefined) return problems;
  const convert = createConversion(spec, source, mapping.timeZone);
  for (const [at, text] of said) {
    const problem = isGiven(text) ? problemOf(() => convert(text, null), spec) : undefined;
    if (problem !== undefined) problems.push({ path: [...path, ...at], message: problem });
  }
  return problems;
}

function namedMap({ valueMaps }: Mapping, name: string) {
  return Object.hasOwn(valueMaps, name) ? valueMaps[name] : undefined;
}

function problemOf(convert: () => string, spec: FieldSpec): string | undefined {
  // Whether a national number is valid depends on the row's country.
  if (spec.kind === 'phone') return undefined;
  try {
    convert();
    return undefined;
  } catch (error) {
    if (error instanceof RowProblem) return error.message;
    throw error;
  }
}

function formProblems(mapping: Mapping, { source, spec, path }: FieldValue): readonly Problem[] {
  if (spec?.kind === 'date') {
    const { format = [], timeZone = mapping.timeZone } = source as DateExpression;
    return [
      ...zoneProblems(timeZone, [...path, 'timeZone']),
      ...[format]
        .flat()
        .flatMap((one) => (tellsTheDay(one) ? [] : [{ path: [...path, 'format'], message: noDay(one) }])),
    ];
  }
  if (spec?.kind !== 'amount' && spec?.kind !== 'discount' && spec?.kind !== 'quantity') return [];
  const message = problemOfForm(source as DecimalExpression);
  return message === undefined ? [] : [{ path, message }];
}

const noDay = (format: string): string =>
  `expected a Luxon format with year, month and day (and AM or PM with a 12-hour clock), got "${format}"`;

function zoneProblems(zone: string, path: Path): readonly Problem[] {
  return isTimeZone(zone) ? [] : [{ path, message: `expected a time zone such as Europe/Berlin, got "${zone}"` }];
}

function csvProblems(csv: CsvSettings, path: Path): readonly Problem[] {
  const { delimiter = ',', quote = '"', escape = quote, columns = [] } = csv;
  const marks = Object.entries({ delimiter, quote, escape });
  const broken = marks.find(([, text]) => /[\r\n]/.test(text));
  if (broken !== undefined) return [{ path: [...path, broken[0]], message: 'expected no line break in it' }];
  const twice = columns.find((name, index) => columns.indexOf(name) !== index);
  if (twice !== undefined)
    return [{ path: [...path, 'columns'], message: `expected each name once, got "${twice}" twice` }];
  const shared = [quote, escape].find((mark) => mark !== '' && delimiter.includes(mark));
  if (shared === undefined) return [];
  return [
    { path: [...path, 'delimiter'], message: `expected one without the quote or escape character, got "${delimiter}"` },
  ];
}
