import type { Connection } from 'mariadb';
import { chunks } from '../chunks.ts';
import { WEIGHT_OF } from '../../crm/collation.ts';
import { isAscii } from '../../crm/text.ts';
import { quoted } from '../../errors.ts';
import type { TargetRecord, ValueNote } from './records.ts';

const ASKED_AT_ONCE = 500;

/**
 * Drops each tag that the database considers equal to an earlier one of its row, and notes it. As in mutations, the database
 * itself is asked: any other comparison might keep two tags that are duplicates to its unique key, or drop one that is not.
 */
export async function withDistinctTags<Row extends { readonly record: TargetRecord }>(
  connection: Connection,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const asked = new Set(rows.flatMap(({ record: { tags = [] } }) => (mayBeEqual(tags) ? tags : [])));
  if (asked.size === 0) return rows;
  const weights = await weightsOf(connection, [...asked]);
  return rows.map((row) =>
    mayBeEqual(row.record.tags ?? []) ? { ...row, record: withoutEqual(row.record, weights) } : row,
  );
}

/** ASCII that differs in more than case has different weights. */
const mayBeEqual = (tags: readonly string[]): boolean => tags.length > 1 && !tags.every(isAscii);

function withoutEqual(record: TargetRecord, weights: ReadonlyMap<string, string>): TargetRecord {
  const kept = new Map<string, string>();
  const notes: ValueNote[] = [];
  for (const [i, tag] of (record.tags ?? []).entries()) {
    const weight = weights.get(tag) ?? '';
    const same = kept.get(weight);
    if (same === undefined) kept.set(weight, tag);
    else {
      const reason = `tags: the database considers it equal to ${quoted(same)}, which the row also has`;
      notes.push({ kind: 'leftEmpty', field: 'tags', column: record.tagColumns?.[i] ?? '', value: tag, reason });
    }
  }
  return { ...record, tags: [...kept.values()], notes: [...(record.notes ?? []), ...notes] };
}

async function weightsOf(connection: Connection, texts: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const weights = new Map<string, string>();
  for (const some of chunks(texts, ASKED_AT_ONCE)) {
    const sql = `SELECT ${some.map(() => WEIGHT_OF).join(', ')}`;
    const [row = []] = await connection.query<string[][]>({ sql, rowsAsArray: true }, some);
    for (const [i, text] of some.entries()) weights.set(text, row[i] ?? '');
  }
  return weights;
}
