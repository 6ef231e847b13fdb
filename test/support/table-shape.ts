import type { Connection } from 'mariadb';

interface ColumnRow {
  readonly t: string;
  readonly c: string;
  readonly type: string;
  readonly nullable: 'YES' | 'NO';
  readonly fallback: string | null;
  readonly extra: string;
}

interface IndexRow {
  readonly t: string;
  readonly name: string;
  readonly isPlain: bigint | number;
  readonly kind: string;
  readonly columns: string;
}

/** The tables of the connection's database, one line for each column, key and index, sorted. */
export async function tableShape(connection: Connection): Promise<readonly string[]> {
  const columns = await connection.query<ColumnRow[]>(`
    SELECT TABLE_NAME t, COLUMN_NAME c, COLUMN_TYPE type, IS_NULLABLE nullable, COLUMN_DEFAULT fallback, EXTRA extra
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME <> '_prisma_migrations'`);
  const indexes = await connection.query<IndexRow[]>(`
    SELECT TABLE_NAME t, INDEX_NAME name, MIN(NON_UNIQUE) isPlain, MIN(INDEX_TYPE) kind,
      GROUP_CONCAT(COLUMN_NAME, IF(SUB_PART IS NULL, '', CONCAT('(', SUB_PART, ')')), IF(COLLATION = 'D', ' DESC', '')
        ORDER BY SEQ_IN_INDEX SEPARATOR ', ') columns
    FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME <> '_prisma_migrations'
    GROUP BY TABLE_NAME, INDEX_NAME`);
  return [...columns.map(columnLine), ...indexes.map(indexLine)].sort();
}

/** The lines that only one of two shapes has; empty when they agree. */
export function differences(schema: readonly string[], tables: readonly string[]): readonly string[] {
  return [
    ...schema.filter((line) => !tables.includes(line)).map((line) => `only in schema.prisma: ${line}`),
    ...tables.filter((line) => !schema.includes(line)).map((line) => `only in the database: ${line}`),
  ];
}

function columnLine({ t, c, type, nullable, fallback, extra }: ColumnRow): string {
  // MariaDB shows display widths for integers; MySQL has dropped them except for BOOLEAN.
  const plainType = type.replace(/^((?:small|medium|big)?int)\(\d+\)/, '$1');
  const words = [
    `${t}.${c}`,
    plainType,
    nullable === 'YES' ? 'NULL' : 'NOT NULL',
    extra.includes('auto_increment') ? 'AUTO_INCREMENT' : defaultText(plainType, fallback),
    // Neither server should have MySQL's ON UPDATE: Prisma sets @updatedAt itself.
    ...(/on update/i.exec(extra) ?? []),
  ];
  return words.filter((word) => word !== '').join(' ');
}

/** MariaDB returns an expression ('LEAD' with quotes, NULL as a word), MySQL a bare value. */
function defaultText(type: string, fallback: string | null): string {
  if (fallback === null || fallback === 'NULL') return '';
  if (/^current_timestamp/i.test(fallback)) return `DEFAULT ${fallback.toUpperCase()}`;
  return `DEFAULT ${/^(?:\w*int|decimal)/.test(type) ? Number(fallback) : fallback.replaceAll("'", '')}`;
}

function indexLine({ t, name, isPlain, kind, columns }: IndexRow): string {
  if (name === 'PRIMARY') return `${t} PRIMARY KEY PRIMARY (${columns})`;
  const prefix = kind === 'FULLTEXT' ? 'FULLTEXT ' : '';
  return `${t} ${Number(isPlain) === 0 ? 'UNIQUE ' : prefix}INDEX ${name} (${columns})`;
}
