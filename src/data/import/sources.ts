import { compileExpression, type JoinedFile, type Scope } from './expressions.ts';
import { UserError } from '../../user-error.ts';
import type { CsvSettings, Mapping, SourceSettings, TargetName } from './mapping.ts';
import { compileRecord, type RecordScope, type TargetRecord } from './records.ts';
import type { Scratch } from './scratch.ts';
import {
  atField,
  columnIndex,
  openSourceFile,
  readSourceRows,
  type SourceFile,
  type SourceRow,
} from './source-file.ts';
import { createTargetSummary, type TargetSummary } from './summary.ts';
import type { TableTarget } from './targets.ts';
import type { ItemContent } from './scratch.ts';
import { convertAmount, convertDiscount, convertQuantity, convertText, RowProblem } from './values.ts';

/** A source of a table's rows, ready to be read. */
export interface TableSource {
  readonly file: SourceFile;
  /** Throws RowProblem. */
  readonly convert: (row: SourceRow) => TargetRecord;
  /** The row's key where there is one, even if the rest of the row is wrong. */
  readonly keyOf: (row: SourceRow) => string | null;
}

/** A source of lines of orders. */
export interface ItemSource {
  readonly file: SourceFile;
  /** The order's number. Throws RowProblem. */
  readonly order: (row: SourceRow) => string;
  /** Throws RowProblem. */
  readonly convert: (row: SourceRow) => ItemContent;
}

/** Everything that a mapping names, found and checked before a row is written. */
export interface Sources {
  readonly tables: ReadonlyMap<TableTarget, readonly TableSource[]>;
  readonly items: readonly ItemSource[] | undefined;
  readonly summaries: ReadonlyMap<TargetName, TargetSummary>;
}

const TABLE_ORDER = ['agents', 'customers', 'products', 'orders', 'tickets', 'interactions'] as const;

/**
 * Opens every file, reads joined ones into the scratch and makes expressions ready.
 * @throws UserError with exit code 66 for a missing file, 65 for a column, join or value map that does not fit
 */
export async function openSources(folder: string, mapping: Mapping, scratch: Scratch): Promise<Sources> {
  const summaries = new Map<TargetName, TargetSummary>();
  const open = async (target: TargetName, settings: SourceSettings) => {
    const file = await openSourceFile(folder, settings.file, {
      csv: mergeCsv(mapping.csv, settings.csv),
      overflowColumn: settings.overflowColumn,
    });
    const base = { file, valueMaps: mapping.valueMaps, scratch };
    const joins = await openJoins(folder, { mapping, settings, base });
    if (!summaries.has(target)) summaries.set(target, createTargetSummary(target));
    return { ...base, joins, timeZone: mapping.timeZone } satisfies RecordScope;
  };
  const tables = new Map<TableTarget, readonly TableSource[]>();
  for (const target of TABLE_ORDER) {
    const opened: TableSource[] = [];
    for (const settings of mapping.targets[target] ?? []) {
      const scope = await open(target, settings);
      opened.push({ file: scope.file, ...compileRecord(target, settings, scope) });
    }
    if (opened.length > 0) tables.set(target, opened);
  }
  const { orderItems } = mapping.targets;
  if (orderItems === undefined) return { tables, items: undefined, summaries };
  const items: ItemSource[] = [];
  for (const settings of orderItems) items.push(compileItems(settings, await open('orderItems', settings)));
  return { tables, items, summaries };
}

function mergeCsv(all: CsvSettings, own: CsvSettings | undefined): CsvSettings {
  return { ...all, ...own };
}

function compileItems(settings: NonNullable<Mapping['targets']['orderItems']>[number], scope: RecordScope): ItemSource {
  const { fields } = settings;
  const required = (field: keyof typeof fields) => {
    const evaluate = compileExpression(fields[field] ?? {}, scope);
    return (row: SourceRow) => {
      const text = evaluate(row);
      if (text === null) throw new RowProblem('expected a value, got none');
      return text;
    };
  };
  const order = required('order');
  const product = required('product');
  const quantity = required('quantity');
  const unitPrice = required('unitPrice');
  const { discount: form } = fields;
  const discount = form === undefined ? undefined : compileExpression(form, scope);
  return {
    file: scope.file,
    order: (row) => atField('order', () => convertText(order(row), 64)),
    convert: (row) => ({
      product: atField('product', () => convertText(product(row), 64)),
      quantity: atField('quantity', () => convertQuantity(quantity(row))),
      unitPrice: atField('unitPrice', () => convertAmount(unitPrice(row), fields.unitPrice)),
      discount: atField('discount', () => {
        const text = discount?.(row) ?? null;
        return text === null || form === undefined ? '0.0000' : convertDiscount(text, form);
      }),
    }),
  };
}

async function openJoins(
  folder: string,
  source: { mapping: Mapping; settings: SourceSettings; base: Omit<Scope, 'joins'> },
): Promise<ReadonlyMap<string, JoinedFile>> {
  const joins = new Map<string, JoinedFile>();
  for (const [name, settings] of Object.entries(source.settings.joins)) {
    const csv = mergeCsv(source.mapping.csv, settings.csv);
    const file = await openSourceFile(folder, settings.file, { csv });
    const rows = `${source.settings.file}/${name}`;
    await loadJoin(file, { key: columnIndex(file, settings.key), rows, scratch: source.base.scratch });
    // A join may be on a column of a join that stands before it.
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
      throw joinError(file, row.line, `the key "${key}" is there already, and a joined file needs each key once`);
  }
}

function joinError(file: SourceFile, line: number, problem: string): UserError {
  return new UserError(`${file.name}, line ${line}: ${problem}.`, { exitCode: 65 });
}

/** Every file whose rows can be rejected. */
export function sourceFiles(sources: Sources): readonly string[] {
  const names = [...sources.tables.values()].flat().map((source) => source.file.name);
  return [...new Set([...names, ...(sources.items ?? []).map((source) => source.file.name)])];
}
