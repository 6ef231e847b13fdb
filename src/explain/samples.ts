import type { Condition, IndexTable, ListSource } from '../batch/list-query.ts';
import { rowDecoder, sqlName, type Columns, type Table } from '../batch/table.ts';
import { customers } from '../crm/customer/table.ts';
import type { Reader } from '../db/database.ts';
import { isProbe } from './probes.ts';

/** Real values from the tables, to use in queries. */
export interface Samples {
  /** The ids of up to `limit` parents of a list, those with the most rows in the samples first. */
  parents(source: ListSource, most: number): Promise<readonly string[]>;
  /** Up to `limit` distinct values of a table's column. */
  values(table: Table, column: string, most: number): Promise<readonly string[]>;
  /** Replaces placeholders in conditions with real values, if there are any. */
  conditions(source: ListSource, conditions: readonly Condition[]): Promise<readonly Condition[]>;
}

/** How many rows are read from either end of a table. */
const SAMPLE = 1_000;

type Row = Readonly<Record<string, unknown>>;

/** Looks for values among the first and last thousand rows of each table, so that the cost does not depend on its size. */
export function createSamples(db: Reader): Samples {
  const kept = new Map<string, Promise<readonly Row[]>>();
  /** Rows with the names of `columns`, the first of which must be (part of) the table's primary key. */
  const rowsOf = (table: string, columns: Columns): Promise<readonly Row[]> => {
    const found = kept.get(table) ?? readEnds(db, table, columns);
    kept.set(table, found);
    return found;
  };
  const valuesOf = async (table: Table, column: string): Promise<string[]> => {
    const rows = await rowsOf(table.name, table.columns);
    return byFrequency(rows.map((row) => row[column]));
  };
  const valuesIn = async ({ name, key, valueColumn }: IndexTable): Promise<string[]> => {
    const rows = await rowsOf(name, { key: { ...ANY, sql: key }, value: { ...ANY, sql: valueColumn } });
    return byFrequency(rows.map((row) => row['value']));
  };
  const real = async (table: Table, condition: Condition): Promise<Condition> => {
    switch (condition.kind) {
      case 'has':
        return { ...condition, value: (await valuesIn(condition.indexTable))[0] ?? condition.value };
      case 'in': {
        if (!condition.values.every(isProbe)) return condition;
        const [value] = await valuesOf(table, condition.column);
        return value === undefined ? condition : { ...condition, values: [value] };
      }
      case 'startsWith': {
        const value = valueAt(await valuesOf(table, condition.column), 1 / 2);
        // A country code and one more digit, or two letters. One of several texts, such as a number in any country, is kept.
        const length = condition.texts[0]?.startsWith('+') === true ? 4 : 2;
        if (value === undefined || condition.texts.length > 1) return condition;
        return { ...condition, texts: [[...value].slice(0, length).join('')] };
      }
      case 'range': {
        const sorted = (await valuesOf(table, condition.column)).sort();
        const from = valueAt(sorted, 1 / 4) ?? condition.from;
        const to = valueAt(sorted, 3 / 4) ?? condition.to;
        return { ...condition, from: condition.from && from, to: condition.to && to };
      }
      case 'owned':
        return { ...condition, owner: (await valuesOf(customers, 'ownerId'))[0] ?? condition.owner };
    }
  };
  return {
    async parents(source, most) {
      if (source.parent === undefined) return [];
      return (await valuesOf(source.table, source.parent)).slice(0, most);
    },
    values: async (table, column, most) => (await valuesOf(table, column)).slice(0, most),
    conditions: (source, conditions) => Promise.all(conditions.map((condition) => real(source.table, condition))),
  };
}

const ANY = { nullable: true, decode: String, encode: (value: string) => value, accepts: () => true };

async function readEnds(db: Reader, table: string, columns: Columns): Promise<readonly Row[]> {
  const names = Object.keys(columns);
  const sql = names.map((name) => sqlName({ columns }, name));
  const ends = ['ASC', 'DESC'].map((direction) =>
    db.read({
      name: 'samples',
      sql: `SELECT ${sql.join(', ')} FROM ${table} ORDER BY ${sql[0]} ${direction} LIMIT ${SAMPLE}`,
      values: [],
    }),
  );
  const rows = (await Promise.all(ends)).flat();
  return rows.map(rowDecoder(columns, names));
}

/** Distinct texts, the most frequent first. */
function byFrequency(values: readonly unknown[]): string[] {
  const counts = new Map<string, number>();
  for (const value of values) if (typeof value === 'string') counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([value]) => value);
}

const valueAt = (values: readonly string[], fraction: number): string | undefined =>
  values[Math.floor(values.length * fraction)];
