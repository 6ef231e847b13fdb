import { randomUUID } from 'node:crypto';
import * as mariadb from 'mariadb';
import { CliError, EXIT } from '../cli-error.ts';
import { connectionOptions } from './database.ts';
import { isDenied, serverWords } from './errors.ts';
import { errorNumber, SERVER_ERRORS } from './server-errors.ts';
import { matchesChecksum, type Migration, readMigrations } from './migration-script.ts';

export interface MigrateOptions {
  /** `mysql://` or `mariadb://`, with a database name. */
  readonly databaseUrl: string;
  /** Whether to create the database when it is missing. Default true. */
  readonly createsDatabase?: boolean;
  /** Holds one folder per migration, as in prisma/migrations. */
  readonly folder: string;
  /** Takes one line about what was created or applied, or about a difference from the folder. */
  readonly report: (line: string) => void;
  /** How long to wait for another process that is applying migrations. Default 60,000. */
  readonly lockTimeoutMs?: number;
}

export interface MigrateResult {
  /** Names, in the order of application. */
  readonly applied: string[];
  /** How many had been applied before. */
  readonly already: number;
}

/** Prisma Migrate's lock name and table, so that the two exclude each other and can be used interchangeably. */
const lockName = 'prisma_migrate';

const bookkeepingTable = `CREATE TABLE _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at DATETIME(3),
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at DATETIME(3),
  started_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  applied_steps_count INTEGER UNSIGNED NOT NULL DEFAULT 0
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`;

/**
 * Applies the migrations that a database lacks, each exactly once even when several processes start together, and records them
 * as Prisma Migrate does. MySQL cannot roll DDL back: a migration that fails half-way is recorded as failed, and nothing more
 * is applied until somebody has repaired it.
 * @throws CliError when the database cannot be reached (exit code 69), a migration fails (the message has its statement and
 *   the server's error) or had failed before, the database holds tables that are not ours, or the lock is not acquired in time
 */
export async function applyMigrations(options: MigrateOptions): Promise<MigrateResult> {
  const migrations = await readMigrations(options.folder);
  const connection = await connect(options);
  try {
    await takeLock(connection, options.lockTimeoutMs ?? 60_000);
    const records = await readRecords(connection);
    refuseFailed(records);
    const done = records.filter((record) => record.finished_at !== null && record.rolled_back_at === null);
    reportDifferences(migrations, done, options.report);
    const doneNames = new Set(done.map((record) => record.migration_name));
    const applied: string[] = [];
    for (const migration of migrations.filter(({ name }) => !doneNames.has(name))) {
      await applyOne(connection, migration);
      applied.push(migration.name);
      options.report(`Applied migration ${migration.name}`);
    }
    return { applied, already: migrations.length - applied.length };
  } catch (error) {
    throw error instanceof CliError || !isDenied(error) ? error : deniedError(error);
  } finally {
    // Closing the connection releases the lock.
    if (connection.isValid()) await connection.end();
  }
}

/** How to go on where the gateway's account may not change tables. */
const deniedError = (cause: unknown, more = ''): CliError =>
  new CliError(
    `DATABASE_URL: its account may not do this: ${serverWords(cause)}. Run "npm run migrate" with an account that may change tables${more}`,
    { cause, exitCode: EXIT.noPermission },
  );

async function connect({ databaseUrl, createsDatabase = true, report }: MigrateOptions): Promise<mariadb.Connection> {
  const { database, ...server } = connectionOptions(databaseUrl);
  const settings = { ...server, connectTimeout: 10_000, initSql: ["SET SESSION time_zone = '+00:00'"] };
  try {
    return await mariadb.createConnection({ ...settings, database }).catch(async (error: unknown) => {
      if (!createsDatabase || !isMissing(error)) throw error;
      const connection = await mariadb.createConnection(settings);
      if (await createDatabase(connection, database))
        report(`Created the database "${database}", which was not there.`);
      return connection;
    });
  } catch (error) {
    const where = `${database} on ${server.host}:${server.port}`;
    const advice = isMissing(error) ? '. Create it with npm run migrate, or name another in DATABASE_URL' : '';
    throw new CliError(`The database ${where} cannot be used: ${serverWords(error)}${advice}`, {
      cause: error,
      exitCode: EXIT.unavailable,
    });
  }
}

function isMissing(error: unknown): boolean {
  return errorNumber(error) === SERVER_ERRORS.BAD_DB_ERROR;
}

/** Creates a database and selects it. Returns false when another process created it first. */
async function createDatabase(connection: mariadb.Connection, database: string): Promise<boolean> {
  const name = connection.escapeId(database);
  const { warningStatus } = await connection.query<mariadb.UpsertResult>(
    `CREATE DATABASE IF NOT EXISTS ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci`,
  );
  await connection.query(`USE ${name}`);
  // A warning means that it already existed; the count of affected rows differs between servers.
  return warningStatus === 0;
}

async function takeLock(connection: mariadb.Connection, timeoutMs: number): Promise<void> {
  const [answer] = await connection.query<{ got: bigint | number | null }[]>('SELECT GET_LOCK(?, ?) AS got', [
    lockName,
    Math.ceil(timeoutMs / 1000),
  ]);
  if (Number(answer?.got) === 1) return;
  const [holder] = await connection.query<{ id: bigint | null }[]>('SELECT IS_USED_LOCK(?) AS id', [lockName]);
  const who = holder?.id ? ` (connection ${holder.id} of the database server)` : '';
  throw new CliError(`Another process${who} has been applying migrations for ${timeoutMs / 1000} s; try again later`);
}

interface MigrationRecord {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished_at: Date | null;
  readonly rolled_back_at: Date | null;
  readonly logs: string | null;
}

async function readRecords(connection: mariadb.Connection): Promise<readonly MigrationRecord[]> {
  const tables = await connection.query<{ name: string }[]>(
    'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()',
  );
  if (tables.some(({ name }) => name === '_prisma_migrations'))
    return connection.query<MigrationRecord[]>(
      'SELECT migration_name, checksum, finished_at, rolled_back_at, logs FROM _prisma_migrations ORDER BY started_at',
    );
  // Like Prisma's P3005: most likely the URL names another program's database.
  if (tables.length > 0)
    throw new CliError(
      `The database has tables (${tables[0]?.name}, ...) and no _prisma_migrations: it seems to belong to another ` +
        'program, so nothing was changed. Name an empty database in DATABASE_URL',
    );
  await connection.query(bookkeepingTable);
  return [];
}

/** Like Prisma's P3009. */
function refuseFailed(records: readonly MigrationRecord[]): void {
  const failed = records.find((record) => record.finished_at === null && record.rolled_back_at === null);
  if (failed === undefined) return;
  const set = (column: string): string =>
    `UPDATE _prisma_migrations SET ${column} = UTC_TIMESTAMP(3) WHERE migration_name = '${failed.migration_name}' AND finished_at IS NULL`;
  const why = failed.logs === null || failed.logs === '' ? 'it was interrupted' : failed.logs;
  throw new CliError(
    `The migration ${failed.migration_name} was started earlier and not finished, so no other is applied. Undo by hand ` +
      `what it did, then have it applied again with: ${set('rolled_back_at')}; or complete it by hand, then mark it ` +
      `done with: ${set('finished_at')}. (With Prisma's CLI: prisma migrate resolve.) What happened: ${why}`,
  );
}

function reportDifferences(
  migrations: readonly Migration[],
  done: readonly MigrationRecord[],
  report: (line: string) => void,
): void {
  for (const { migration_name: name, checksum } of done) {
    const migration = migrations.find((candidate) => candidate.name === name);
    if (migration === undefined)
      report(`Warning: the database has migration ${name}, which is not in the folder: is this an older version?`);
    else if (!matchesChecksum(migration, checksum))
      report(`Warning: migration ${name} was changed after it had been applied; the change is not in the database`);
  }
}

async function applyOne(connection: mariadb.Connection, migration: Migration): Promise<void> {
  const id = randomUUID();
  await connection.query(
    'INSERT INTO _prisma_migrations (id, checksum, started_at, migration_name) VALUES (?, ?, UTC_TIMESTAMP(3), ?)',
    [id, migration.checksum, migration.name],
  );
  for (const [index, statement] of migration.statements.entries())
    await connection.query(statement).catch(async (error: unknown) => {
      const place = `Statement ${index + 1} of ${migration.statements.length}`;
      await recordFailure(connection, { id, name: migration.name, isFirst: index === 0, place, statement, error });
    });
  await connection.query(
    'UPDATE _prisma_migrations SET applied_steps_count = applied_steps_count + 1, finished_at = UTC_TIMESTAMP(3) WHERE id = ?',
    [id],
  );
}

interface Failure {
  readonly id: string;
  readonly name: string;
  readonly isFirst: boolean;
  readonly place: string;
  readonly statement: string;
  readonly error: unknown;
}

/**
 * Always throws. If the server has refused the first statement, nothing was changed, and the next attempt begins anew. After a later
 * one, or if the connection is lost, the record stays unfinished, which the next start refuses as well.
 */
async function recordFailure(connection: mariadb.Connection, failure: Failure): Promise<never> {
  const { id, name, isFirst, place, error } = failure;
  const words = serverWords(error);
  const statement = failure.statement.length > 2_000 ? `${failure.statement.slice(0, 2_000)} ...` : failure.statement;
  if (connection.isValid()) {
    const log = [
      'A migration failed to apply. New migrations cannot be applied before the error is recovered from. Read more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve',
      `Migration name: ${name}`,
      `Database error code: ${errorNumber(error) ?? 0}`,
      `Database error:\n${words}`,
      `${place}:\n${statement}`,
    ];
    const rolledBack = isFirst ? ', rolled_back_at = UTC_TIMESTAMP(3)' : '';
    await connection.query(`UPDATE _prisma_migrations SET logs = ?${rolledBack} WHERE id = ?`, [log.join('\n\n'), id]);
    if (isFirst && isDenied(error))
      throw deniedError(error, `. The migration ${name} failed, and nothing was changed. ${place}: ${statement}`);
    if (isFirst)
      throw new CliError(
        `The migration ${name} failed, and nothing was changed: ${words}. It is tried again by the next start, or by ` +
          `"npm run migrate". ${place}: ${statement}`,
        { cause: error },
      );
  }
  throw new CliError(`The migration ${name} failed: ${words}. ${place}: ${statement}`, { cause: error });
}
