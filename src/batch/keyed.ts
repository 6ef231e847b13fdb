import type { RawRow, Reader, SqlValue } from '../db/database.ts';
import { paddedKeys } from '../db/padding.ts';
import type { BatchContext } from './loader.ts';

/**
 * How many keys a statement is for; DataLoader splits more into several concurrent statements, and if one of them fails, only its
 * own keys are affected. MySQL allows 65,535 placeholders.
 */
const KEYS_PER_STATEMENT = 1_000;

/** The options of a loader by keys. */
export const byKeys = ({ schedule }: BatchContext) => ({ maxBatchSize: KEYS_PER_STATEMENT, batchScheduleFn: schedule });

interface KeyedSelect {
  /** Names the statement in metrics. */
  readonly name: string;
  /** Up to the column that the keys are compared with. */
  readonly select: string;
  readonly encode: (key: string) => SqlValue;
  /** ` AND ...`, with its values. */
  readonly and?: { readonly sql: string; readonly values: readonly SqlValue[] };
  /** ` ORDER BY ...` */
  readonly order?: string;
  /** The most rows that a key may have; 1 by default. */
  readonly rowsPerKey?: number;
}

/** Reads the rows of up to 1,000 keys in one statement. */
export function readByKeys(
  db: Reader,
  keys: readonly string[],
  { name, select, encode, and = NOTHING, order = '', rowsPerKey = 1 }: KeyedSelect,
): Promise<RawRow[]> {
  const asked = paddedKeys(keys);
  const marks = asked.map(() => '?').join(', ');
  const sql = `${select} IN (${marks})${and.sql}${order} LIMIT ${asked.length * rowsPerKey}`;
  return db.read({ name, sql, values: [...asked.map(encode), ...and.values] });
}

const NOTHING = { sql: '', values: [] };

/**
 * Has a batch that fails reject each of its keys. DataLoader forgets the keys of a batch that throws, so that a deeper level of
 * the query would send the failed statement again.
 */
export const rejectingKeys =
  <Key, Value>(load: (keys: readonly Key[]) => Promise<readonly (Value | Error)[]>) =>
  async (keys: readonly Key[]): Promise<readonly (Value | Error)[]> => {
    try {
      return await load(keys);
    } catch (error) {
      return keys.map(() => asError(error));
    }
  };

/** Converts a thrown value for DataLoader, which accepts only instances of Error. */
export const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error('a batch failed', { cause: thrown });
