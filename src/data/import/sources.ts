import { columnName } from './conversions.ts';
import { compileExpression, type JoinedFile, type Scope } from './expressions.ts';
import { CliError, EXIT } from '../../cli-error.ts';
import type { CsvSettings, Mapping, SourceSettings, TargetName, ValueExpression } from './mapping-schema.ts';
import { compileField, compileRecord, type RecordScope, type TargetRecord } from './records.ts';
import type { ItemContent, Scratch } from './scratch.ts';
import {
  assertNoneMissing,
  columnIndex,
  openSourceFile,
  readSourceRows,
  type SourceFile,
  type SourceRow,
} from './source-file.ts';
import { createTargetSummary, type TargetSummary } from './summary.ts';
import { ITEM_FIELDS, TABLE_TARGETS, type TableTarget } from './targets.ts';
import { pieces, priced } from './numbers.ts';

/** A source of a table's rows, ready to be read. */
export interface TableSource {
  readonly file: SourceFile;
  /** Throws RowProblem. */
  readonly convert: (row: SourceRow) => TargetRecord;
  readonly isWanted: (row: SourceRow) => boolean;
  /** What to do with a row whose key an earlier one had. */
  readonly repeats: SourceSettings['repeats'];
  /** The row's key if it has one, even if the rest of the row is invalid. */
  readonly keyOf: (row: SourceRow) => string | null;
}

/** A source of items of orders. */
export interface ItemSource {
  readonly file: SourceFile;
  readonly isWanted: (row: SourceRow) => boolean;
  /** The order's number. Throws RowProblem. */
  readonly order: (row: SourceRow) => string;
  /** Throws RowProblem. */
  readonly convert: (row: SourceRow) => ItemContent;
}

/** Everything that a mapping names, opened and checked before any row is written. */
export interface Sources {
  readonly tables: ReadonlyMap<TableTarget, readonly TableSource[]>;
  readonly items: readonly ItemSource[] | undefined;
  readonly summaries: ReadonlyMap<TargetName, TargetSummary>;
  /** The column of a file that a target's field comes from, as in the mapping. */
  readonly columnOf: (target: TargetName, file: string, field: string) => string | undefined;
}

/**
 * Opens every file, loads joined ones into the scratch and compiles expressions.
 * @throws CliError with exit code 66 for a missing file, 65 for columns that are missing, all at once, or for a join or value
 * map that does not fit
 */
export async function openSources(folder: string, mapping: Mapping, scratch: Scratch): Promise<Sources> {
  const summaries = new Map<TargetName, TargetSummary>();
  const missing: SourceFile['missing'] = [];
  const open = async (target: TargetName, settings: OneFile) => {
    const file = await openSourceFile(folder, settings.file, {
      csv: mergeCsv(mapping.csv, settings.csv),
      overflowColumn: settings.overflowColumn,
      missing,
    });
    const base = { file, valueMaps: mapping.valueMaps, scratch };
    const joins = await openJoins(folder, { mapping, settings, base });
    if (!summaries.has(target)) summaries.set(target, createTargetSummary(target));
    return { ...base, joins, timeZone: mapping.timeZone } satisfies RecordScope;
  };
  const tables = new Map<TableTarget, readonly TableSource[]>();
  for (const target of TABLE_TARGETS) {
    const opened: TableSource[] = [];
    for (const settings of eachFile<SourceSettings>(mapping.targets[target] ?? [])) {
      const scope = await open(target, settings);
      opened.push({
        file: scope.file,
        isWanted: compileWish(settings, scope),
        repeats: settings.repeats,
        ...compileRecord(target, settings, scope),
      });
    }
    if (opened.length > 0) tables.set(target, opened);
  }
  const { orderItems } = mapping.targets;
  const columnOf = columnsOf(mapping);
  const items: ItemSource[] = [];
  for (const settings of eachFile(orderItems ?? []))
    items.push(compileItems(settings, await open('orderItems', settings)));
  assertNoneMissing(missing);
  return { tables, items: orderItems === undefined ? undefined : items, summaries, columnOf };
}

type OneFile<Block extends SourceSettings = SourceSettings> = Omit<Block, 'file'> & { readonly file: string };

/** Expands each block to one per file. */
function eachFile<Block extends SourceSettings>(blocks: readonly Block[]): readonly OneFile<Block>[] {
  return blocks.flatMap((block) => [block.file].flat().map((file) => ({ ...block, file })));
}

function mergeCsv(all: CsvSettings, own: CsvSettings | undefined): CsvSettings {
  return { ...all, ...own };
}

function columnsOf({ targets }: Mapping): Sources['columnOf'] {
  return (target, file, field) => {
    const block: SourceSettings | undefined = targets[target]?.find((one) => [one.file].flat().includes(file));
    const source = block?.fields[field] as ValueExpression | undefined;
    return source === undefined ? undefined : columnName(source);
  };
}

function compileWish({ onlyIf }: Pick<SourceSettings, 'onlyIf'>, scope: Scope): (row: SourceRow) => boolean {
  const evaluate = onlyIf === undefined ? undefined : compileExpression(onlyIf, scope);
  return (row) => evaluate === undefined || evaluate(row) !== null;
}

function compileItems(
  settings: OneFile<NonNullable<Mapping['targets']['orderItems']>[number]>,
  scope: RecordScope,
): ItemSource {
  const compile = (field: keyof typeof ITEM_FIELDS) => {
    const spec = ITEM_FIELDS[field];
    const source = settings.fields[field];
    const read = source === undefined ? undefined : compileField(field, { spec, source, scope });
    return (row: SourceRow) => read?.(row, []) ?? '0.0000';
  };
  const [order, product, quantity] = [compile('order'), compile('product'), compile('quantity')];
  const [unitPrice, total, discount] = [compile('unitPrice'), compile('total'), compile('discount')];
  return {
    file: scope.file,
    isWanted: compileWish(settings, scope),
    order,
    convert: (row) => ({
      product: product(row),
      ...(settings.fields.total === undefined
        ? priced(quantity(row), unitPrice(row))
        : {
            quantity: pieces(quantity(row)),
            price: { total: total(row), isRounded: settings.fields.total.decimals === 'round' },
          }),
      discount: discount(row),
    }),
  };
}

async function openJoins(
  folder: string,
  source: { mapping: Mapping; settings: OneFile; base: Omit<Scope, 'joins'> },
): Promise<ReadonlyMap<string, JoinedFile>> {
  const joins = new Map<string, JoinedFile>();
  for (const [name, settings] of Object.entries(source.settings.joins)) {
    const csv = mergeCsv(source.mapping.csv, settings.csv);
    const file = await openSourceFile(folder, settings.file, { csv, missing: source.base.file.missing });
    const rows = `${source.settings.file}/${name}`;
    const key = columnIndex(file, settings.key);
    if (key !== -1) await loadJoin(file, { key, rows, scratch: source.base.scratch });
    // A join may use a column of an earlier join.
    const on = compileExpression(settings.on, { ...source.base, joins: new Map(joins) });
    joins.set(name, { file, rows, on });
  }
  return joins;
}

async function loadJoin(file: SourceFile, index: { key: number; rows: string; scratch: Scratch }): Promise<void> {
  for await (const row of readSourceRows(file)) {
    if ('problem' in row) throw joinError(file, row.line, row.problem);
    const key = row.cell(index.key);
    if (key === null) continue;
    const cells = file.header.map((_, column) => row.cell(column) ?? '');
    if (!index.scratch.putJoinRow(index.rows, key, cells))
      throw joinError(file, row.line, `expected each key only once in a joined file, got "${key}" again`);
  }
}

function joinError(file: SourceFile, line: number, problem: string): CliError {
  return new CliError(`${file.name}, line ${line}: ${problem}.`, { exitCode: EXIT.dataError });
}

/** The names of every target and file whose rows can be rejected. */
export function rejectNames({ summaries, tables, items = [] }: Sources): readonly string[] {
  const files = [...tables.values(), items].flat().map((source) => source.file.name);
  return [...new Set([...summaries.keys(), ...files])];
}
