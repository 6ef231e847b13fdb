import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CliError } from '../cli-error.ts';
import { runToEnd } from './children.ts';
import { environmentOf, type ServerProgram } from './find.ts';

/** MariaDB's system tables, in mariadb-install-db's order; some builds lack the last one. */
const systemTables = [
  ['mysql_system_tables.sql', 'mysql_performance_tables.sql', 'mysql_system_tables_data.sql'],
  ['maria_add_gis_sp_bootstrap.sql'],
].flat();

/**
 * Creates the system tables in a new data folder. The folder appears only once it is complete: an interrupted start leaves one
 * with another name, which the next start removes.
 * @param folder the data folder; its parent exists and is locked by the caller
 * @param common arguments that the server will also run with
 * @throws CliError with the server's output, when it fails
 */
export async function createDataFolder(
  program: ServerProgram,
  folder: string,
  options: { readonly common: readonly string[]; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const unfinished = `${folder}.unfinished-`;
  for (const name of await readdir(dirname(folder))) {
    const path = join(dirname(folder), name);
    if (path.startsWith(unfinished)) await rm(path, { recursive: true, maxRetries: 5 });
  }
  const fresh = `${unfinished}${process.pid}`;
  await mkdir(fresh, { mode: 0o700 });
  const isMariaDb = program.kind === 'mariadb';
  const { code, output } = await runToEnd(
    program.path,
    ['--no-defaults', isMariaDb ? '--bootstrap' : '--initialize-insecure', `--datadir=${fresh}`, ...options.common],
    {
      env: environmentOf(program),
      signal: options.signal,
      ...(isMariaDb ? { input: await bootstrapScript(program) } : {}),
    },
  );
  if (code !== 0)
    throw new CliError(`${program.path} could not create its data folder (exit code ${code}): ${output.slice(-2000)}`);
  await rename(fresh, folder);
}

/** Where a MariaDB installation has its messages and the scripts of its system tables. */
export async function mariaDbShareFolder(program: ServerProgram): Promise<string> {
  const prefix = dirname(dirname(await realpath(program.path)));
  const candidates = ['share/mysql', 'share/mariadb'].map((name) => join(prefix, name));
  const share = candidates.find((folder) => existsSync(join(folder, 'mysql_system_tables.sql')));
  if (share === undefined)
    throw new CliError(
      `${program.path} exists, but its mysql_system_tables.sql does not (looked in ${candidates.join(', ')})`,
    );
  return share;
}

/** `--bootstrap` reads one statement per line. Without auth_root_socket, root needs no password from loopback. */
async function bootstrapScript(program: ServerProgram): Promise<string> {
  const share = await mariaDbShareFolder(program);
  const paths = systemTables.map((name) => join(share, name)).filter((path) => existsSync(path));
  const scripts = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  return ['create database mysql;', 'use mysql;', 'set @auth_root_socket=null;', ...scripts].join('\n');
}
