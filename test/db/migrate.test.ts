import { createHash } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { applyMigrations, type MigrateResult } from '../../src/db/migrate.ts';
import { splitStatements } from '../../src/db/migration-script.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { createEmptyDatabase, type TestDatabase, withConnection } from '../support/servers.ts';

let database: TestDatabase;
let temporary: Awaited<ReturnType<typeof createTemporaryFolder>>;
let reported: string[];
beforeEach(async () => {
  [database, temporary] = await Promise.all([createEmptyDatabase(), createTemporaryFolder()]);
  reported = [];
  await writeMigration('20260101000000_first', 'CREATE TABLE a (id INT PRIMARY KEY);\n');
  await writeMigration('20260102000000_second', 'CREATE TABLE b (id INT PRIMARY KEY);\nINSERT INTO b VALUES (1);\n');
});
afterEach(() => Promise.all([database.drop(), temporary.remove()]));

async function writeMigration(name: string, script: string): Promise<void> {
  await mkdir(join(temporary.path, name), { recursive: true });
  await writeFile(join(temporary.path, name, 'migration.sql'), script);
}

/** Waits as long as other tests may hold the server's only lock. */
function migrate(databaseUrl = database.url, lockTimeoutMs = PATIENCE_MS): Promise<MigrateResult> {
  return applyMigrations({ databaseUrl, folder: temporary.path, report: (line) => reported.push(line), lockTimeoutMs });
}

function query<T extends object>(sql: string): Promise<T[]> {
  return withConnection(database.url, (connection) => connection.query<T[]>(sql));
}

interface Bookkeeping {
  readonly id: string;
  readonly checksum: string;
  readonly migration_name: string;
  readonly logs: string | null;
  readonly applied_steps_count: number;
  readonly started_at: Date;
  readonly finished_at: Date | null;
  readonly rolled_back_at: Date | null;
}

const bookkeeping = (): Promise<Bookkeeping[]> => query('SELECT * FROM _prisma_migrations ORDER BY migration_name');

const failing =
  'CREATE TABLE c (id INT PRIMARY KEY);\n-- this one is there\nCREATE TABLE a (id INT);\nCREATE TABLE d (id INT);';

describe('migrations', () => {
  test('are applied in the order of their names, once', async () => {
    expect(await migrate()).toEqual({ applied: ['20260101000000_first', '20260102000000_second'], already: 0 });
    expect(await migrate()).toEqual({ applied: [], already: 2 });
    await writeMigration('20260103000000_third', 'DROP TABLE a');
    expect(await migrate()).toEqual({ applied: ['20260103000000_third'], already: 2 });
  });

  test('are applied once by several gateways that start together', async () => {
    const results = await Promise.all([migrate(), migrate(), migrate(), migrate()]);
    expect(results.flatMap(({ applied }) => applied).sort()).toEqual(['20260101000000_first', '20260102000000_second']);
    expect(await bookkeeping()).toHaveLength(2);
    expect(await query('SELECT id FROM b')).toEqual([{ id: 1 }]);
  });

  test('are recorded as Prisma Migrate records them', async () => {
    await migrate();
    const [row] = await bookkeeping();
    expect(row).toMatchObject({ logs: null, rolled_back_at: null, applied_steps_count: 1 });
    expect(row?.id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const sha256 = createHash('sha256').update('CREATE TABLE a (id INT PRIMARY KEY);\n').digest('hex');
    expect(row?.checksum).toBe(sha256);
    const columns = await query<{ c: string; t: string; n: string }>(`
      SELECT COLUMN_NAME c, COLUMN_TYPE t, IS_NULLABLE n FROM information_schema.COLUMNS
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '_prisma_migrations' ORDER BY ORDINAL_POSITION`);
    expect(columns.map(({ c, t, n }) => [c, t.replace(/int\(\d+\)/, 'int'), n].join(' '))).toEqual([
      'id varchar(36) NO',
      'checksum varchar(64) NO',
      'finished_at datetime(3) YES',
      'migration_name varchar(255) NO',
      'logs text YES',
      'rolled_back_at datetime(3) YES',
      'started_at datetime(3) NO',
      'applied_steps_count int unsigned NO',
    ]);
  });

  test("that fail are reported with the statement and the server's message, and do not count as applied", async () => {
    await writeMigration('20260103000000_third', failing);
    await writeMigration('20260104000000_fourth', 'CREATE TABLE e (id INT)');
    const failure = await migrate().catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'CliError' });
    expect(String(failure)).toMatch(/20260103000000_third failed: Table 'a' already exists \(1050\)/);
    expect(String(failure)).toContain('Statement 2 of 3: CREATE TABLE a (id INT)');
    const row = (await bookkeeping()).at(-1);
    expect(row).toMatchObject({ migration_name: '20260103000000_third', finished_at: null, applied_steps_count: 0 });
    expect(row?.logs).toMatch(/Migration name: 20260103000000_third[^]*Database error code: 1050[^]*already exists/);
    expect(reported).not.toContainEqual(expect.stringContaining('third'));
  });

  test('stop at one that failed before, and say what to do, until somebody has marked it as rolled back or as applied', async () => {
    await writeMigration('20260103000000_third', failing);
    await expect(migrate()).rejects.toThrow();
    const refusal = String(await migrate().catch((error: unknown) => error));
    expect(refusal).toContain('already exists');
    const [rolledBack, done] = refusal.match(/UPDATE _prisma_migrations [^;.]+/g) ?? [];
    expect(await bookkeeping()).toHaveLength(3);

    await writeMigration('20260103000000_third', 'CREATE TABLE d (id INT)');
    await query(rolledBack ?? '');
    expect(await migrate()).toEqual({ applied: ['20260103000000_third'], already: 2 });
    expect(await bookkeeping()).toHaveLength(4);

    await writeMigration('20260105000000_fifth', 'CREATE TABLE e (id INT); DROP TABLE nowhere');
    await expect(migrate()).rejects.toThrow('nowhere');
    await query((done ?? '').replace('20260103000000_third', '20260105000000_fifth'));
    expect(await migrate()).toEqual({ applied: [], already: 4 });
  });

  test('whose first statement is refused have changed nothing, and are tried again', async () => {
    await migrate();
    await writeMigration('20260103000000_third', 'DROP TABLE nowhere; CREATE TABLE f (id INT)');
    for (let attempt = 1; attempt <= 2; attempt += 1)
      await expect(migrate()).rejects.toThrow(/20260103000000_third failed, and nothing was changed: .*nowhere/);
    await query('CREATE TABLE nowhere (id INT)');
    expect(await migrate()).toEqual({ applied: ['20260103000000_third'], already: 2 });
    expect(await query('SHOW TABLES')).toHaveLength(4);
  });

  test('that were interrupted are refused like those that failed', async () => {
    await migrate();
    await query("UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name LIKE '%second'");
    await expect(migrate()).rejects.toThrow(/20260102000000_second was started earlier .* it was interrupted/);
  });

  test('that were changed after they had been applied are reported; different line endings do not count', async () => {
    await migrate();
    await writeMigration('20260101000000_first', 'CREATE TABLE a (id INT PRIMARY KEY);\r\n');
    await writeMigration('20260102000000_second', 'CREATE TABLE b (id BIGINT PRIMARY KEY);\n');
    reported = [];
    expect(await migrate()).toEqual({ applied: [], already: 2 });
    expect(reported).toEqual([expect.stringMatching(/20260102000000_second was changed/)]);
  });

  test('that are in the database and not in the folder are reported', async () => {
    await migrate();
    await rename(join(temporary.path, '20260102000000_second'), join(temporary.path, '20260109000000_later'));
    await writeMigration('20260109000000_later', 'DROP TABLE b');
    reported = [];
    expect(await migrate()).toEqual({ applied: ['20260109000000_later'], already: 1 });
    expect(reported[0]).toMatch(/20260102000000_second, which is not in the folder/);
  });

  test('are not applied to a database that holds the tables of another program', async () => {
    await query('CREATE TABLE wp_posts (id INT PRIMARY KEY)');
    await expect(migrate()).rejects.toThrow(/wp_posts.*belong to another program/);
    expect(await query('SHOW TABLES')).toHaveLength(1);
  });

  test('create the database when it is missing, and say so once, however many gateways start together', async () => {
    await database.drop();
    const results = await Promise.all([migrate(), migrate(), migrate(), migrate()]);
    expect(results.flatMap(({ applied }) => applied)).toHaveLength(2);
    const name = new URL(database.url).pathname.slice(1);
    expect(reported.filter((line) => line.startsWith('Created'))).toEqual([
      `Created the database "${name}", which was not there.`,
    ]);
    await migrate();
    expect(reported.filter((line) => line.startsWith('Created'))).toHaveLength(1);
  });

  test('do not create a database if that is turned off, and say what to do instead', async () => {
    await database.drop();
    const options = {
      databaseUrl: database.url,
      folder: temporary.path,
      report: (line: string) => reported.push(line),
    };
    const refused = applyMigrations({ ...options, createsDatabase: false });
    await expect(refused).rejects.toMatchObject({
      exitCode: 69,
      message: expect.stringMatching(
        /Unknown database .*\. Create it with npm run migrate, or name another in DATABASE_URL$/,
      ),
    });
    expect(reported).toEqual([]);
    const databases = await withConnection(
      Object.assign(new URL(database.url), { pathname: '/information_schema' }).href,
      (connection) =>
        connection.query<{ name: string }[]>('SELECT schema_name AS name FROM information_schema.schemata'),
    );
    expect(databases.map(({ name }) => name)).not.toContain(new URL(database.url).pathname.slice(1));
  });

  test('wait for another process for a bounded time only, and name its connection', async () => {
    await withConnection(database.url, async (connection) => {
      const [me] = await connection.query<{ got: number | bigint; id: bigint }[]>(
        "SELECT GET_LOCK('prisma_migrate', 200) AS got, CONNECTION_ID() AS id",
      );
      expect(Number(me?.got)).toBe(1);
      await expect(migrate(database.url, 1_000)).rejects.toThrow(`(connection ${me?.id} of the database server)`);
    });
    await migrate();
  });

  test('say what is wrong with a server that cannot be reached and with a folder without migrations', async () => {
    await expect(migrate('mysql://root@127.0.0.1:1/crm')).rejects.toMatchObject({ name: 'CliError', exitCode: 69 });
    await rm(temporary.path, { recursive: true });
    await expect(migrate()).rejects.toThrow(`${temporary.path} cannot be read`);
    await mkdir(temporary.path);
    await expect(migrate()).rejects.toThrow('no migrations');
    await mkdir(join(temporary.path, '20260101000000_empty'));
    await expect(migrate()).rejects.toThrow('migration.sql');
  });

  test('with a stored program are refused before anything is applied', async () => {
    const trigger = 'CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET @x = 1; END';
    await writeMigration('20260103000000_third', trigger);
    await expect(migrate()).rejects.toThrow('stored program');
    expect(await query('SHOW TABLES')).toEqual([]);
  });
});

describe('a script is split at semicolons', () => {
  test.each([
    ['a; b ;c', ['a', 'b', 'c']],
    ['a;;\n;', ['a']],
    ['', []],
    ['-- only; a comment', []],
    ['INSERT INTO t VALUES (\'a;b\', "c;d", `e;f`); x', ['INSERT INTO t VALUES (\'a;b\', "c;d", `e;f`)', 'x']],
    [String.raw`SELECT 'it''s; \'; \\'; x`, [String.raw`SELECT 'it''s; \'; \\'`, 'x']],
    ['-- one; two\nSELECT 1 -- three; four\n, 2; # five; six\n/* seven; */ x', ['SELECT 1 -- three; four\n, 2', 'x']],
    ['SELECT 5--1; x', ['SELECT 5--1', 'x']],
    ["-- don't\nSELECT 1; x", ['SELECT 1', 'x']],
    ['/*! SET a = 1; */; /*M! SET b = 2 */; x', ['/*! SET a = 1; */', '/*M! SET b = 2 */', 'x']],
    ["SELECT 'never closed; x", ["SELECT 'never closed; x"]],
  ])('%j', (script, expected) => {
    expect(splitStatements(script)).toEqual(expected);
  });
});
