import { existsSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { createConnection } from 'mariadb';
import { guardDriver } from '../db/driver-guard.ts';
import { endLeftover, startChild } from './children.ts';
import { environmentOf, type ServerProgram } from './find.ts';
import { createDataFolder, mariaDbShareFolder } from './mysql-data.ts';
import { loopback } from './ports.ts';
import { type RunningServer, type ServerOptions, startOnPort, waitForAnswer } from './server.ts';

export interface MysqlOptions extends ServerOptions {
  /** Created if missing, with utf8mb4. */
  readonly databaseName: string;
  /** The data need not survive the process, so nothing is flushed to disk. */
  readonly throwAway: boolean;
  readonly report: (line: string) => void;
}

/**
 * Starts a database server on loopback with data in `dataDir`/mysql or `dataDir`/mariadb, creating what is missing. First ends
 * an earlier server on the same data.
 * @returns once it has answered a statement
 * @throws CliError with the end of the server's log, when it does not start within a minute
 */
export async function startMysql(options: MysqlOptions): Promise<RunningServer> {
  const { program, dataDir, databaseName } = options;
  const folder = join(dataDir, program.kind);
  const pidFile = join(dataDir, `${program.kind}.pid`);
  await endLeftover(pidFile, folder);
  const common = await commonArguments(options);
  if (!existsSync(folder)) {
    options.report(`Creating a database in ${folder} ...`);
    await createDataFolder(program, folder, { common, signal: options.signal });
  }
  return startOnPort(options, async (port) => {
    const logFile = join(dataDir, `${program.kind}.log`);
    const args = ['--no-defaults', ...common, ...runArguments(program, folder, port), ...(options.args ?? [])];
    const env = environmentOf(program);
    const child = await startChild({ path: program.path, args, env, logFile, pidFile });
    const ask = (): Promise<void> => createDatabase(port, databaseName);
    await waitForAnswer({ child, logFile, ask, signal: options.signal, name: program.path });
    const url = `mysql://root@${loopback}:${port}/${encodeURIComponent(databaseName)}`;
    return { child, port, url, logFile };
  });
}

/** Arguments for both creating a data folder and running on it, which must agree. */
async function commonArguments({ program, dataDir, throwAway }: MysqlOptions): Promise<readonly string[]> {
  const isMariaDb = program.kind === 'mariadb';
  const share = isMariaDb ? await mariaDbShareFolder(program) : '';
  return [
    // The server refuses to run as root unless told to.
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    ...(isMariaDb ? [`--basedir=${dirname(dirname(share))}`, `--lc-messages-dir=${share}`] : []),
    // On start, MariaDB deletes temporary tables from its tmpdir; in /tmp they could be other servers'.
    `--tmpdir=${dataDir}`,
    '--character-set-server=utf8mb4',
    '--collation-server=utf8mb4_unicode_520_ci',
    '--performance-schema=0',
    `--innodb-buffer-pool-size=${throwAway ? 256 : bufferPoolMiB()}M`,
    isMariaDb
      ? `--innodb-log-file-size=${throwAway ? 16 : 64}M`
      : `--innodb-redo-log-capacity=${throwAway ? 32 : 128}M`,
    ...(throwAway
      ? ['--innodb-flush-log-at-trx-commit=0', '--innodb-flush-method=nosync', '--innodb-doublewrite=0']
      : // Survives a killed process; a power cut may lose the last second, which a demo can afford.
        ['--innodb-flush-log-at-trx-commit=2']),
  ];
}

/**
 * An eighth of the machine's memory, of which only as much is used as there is data. An index that does not fit is read and
 * written again for each row: with 256 MiB, a seed of a million customers (5.8 GB on disk) fell from 55,000 rows a second to
 * 13,600.
 */
function bufferPoolMiB(): number {
  return Math.min(4_096, Math.max(256, Math.floor(totalmem() / 2 ** 20 / 8)));
}

function runArguments(program: ServerProgram, folder: string, port: number): readonly string[] {
  return [
    `--datadir=${folder}`,
    `--port=${port}`,
    `--bind-address=${loopback}`,
    // Relative to the data folder, since a socket's path is limited to 107 bytes.
    '--socket=mysql.sock',
    `--pid-file=${join(folder, 'server.pid')}`,
    '--default-time-zone=+00:00',
    '--max-allowed-packet=64M',
    '--skip-log-bin',
    ...(program.kind === 'mariadb'
      ? [`--secure-file-priv=${folder}`, `--sql-mode=${mysqlSqlMode}`]
      : ['--secure-file-priv=NULL', '--mysqlx=OFF']),
  ];
}

/** MySQL's default, so that MariaDB rejects what MySQL would reject. */
const mysqlSqlMode =
  'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION';

async function createDatabase(port: number, name: string): Promise<void> {
  // Whatever answers on the port, such as another program's server, must not end the process.
  guardDriver();
  const connection = await createConnection({ host: loopback, port, user: 'root', connectTimeout: 1_000 });
  try {
    await connection.query(
      `CREATE DATABASE IF NOT EXISTS \`${name.replaceAll('`', '``')}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci`,
    );
  } finally {
    await connection.end();
  }
}
