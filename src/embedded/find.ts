import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runToEnd } from './children.ts';

/** A server that this machine can run. */
export interface ServerProgram {
  readonly kind: 'mysql' | 'mariadb' | 'redis';
  readonly path: string;
  /** For LD_LIBRARY_PATH; empty for a program of the system's own. */
  readonly libraryFolders: readonly string[];
}

export type ServerRole = 'database' | 'redis';

/** Servers are seldom on a user's PATH: Debian keeps them in sbin, Fedora in libexec, Homebrew in folders of its own. */
const usualFolders = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/usr/libexec',
  '/opt/homebrew/bin',
  '/opt/homebrew/opt/mysql/bin',
  '/opt/homebrew/opt/mariadb/bin',
  '/usr/local/mysql/bin',
];

// The genuine MySQL first: it is what the gateway is for.
const names: Record<ServerRole, readonly string[]> = {
  database: ['mysqld', 'mariadbd'],
  redis: ['redis-server', 'valkey-server'],
};

/**
 * The folders in which programs are looked for.
 * @param path PATH as the environment has it; undefined or '' adds nothing
 * @returns PATH's folders in their order, then the usual places of servers
 */
export function searchFolders(path: string | undefined): readonly string[] {
  const given = (path ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...new Set([...given, ...usualFolders])];
}

/** The first of `folders` that holds a file of this name gives its full path; undefined where none does. */
export function findFile(name: string, folders: readonly string[]): string | undefined {
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * Looks for servers that run and are new enough, first in the system, then among those fetched before.
 * @param role what the server is wanted for
 * @param folders where the system's programs are, see `searchFolders`
 * @param fetchedRoot the folder into which packages for this role are unpacked; it need not exist
 * @returns best first; empty where there is none
 */
export async function findServers(
  role: ServerRole,
  folders: readonly string[],
  fetchedRoot: string,
): Promise<readonly ServerProgram[]> {
  const fetched = ['usr/sbin', 'usr/bin'].map((folder) => join(fetchedRoot, folder));
  const libraries = fetchedLibraryFolders(fetchedRoot);
  const inSystem = names[role].map((name) => [findFile(name, folders), []] as const);
  const inFetched = names[role].map((name) => [findFile(name, fetched), libraries] as const);
  const found: ServerProgram[] = [];
  for (const [path, libraryFolders] of [...inSystem, ...inFetched]) {
    const kind = path === undefined ? undefined : await kindOf(path, libraryFolders);
    if (path !== undefined && kind !== undefined && !found.some((other) => other.path === path))
      found.push({ kind, path, libraryFolders });
  }
  return found;
}

/** The environment that a program needs; nothing of ours (passwords in DATABASE_URL) reaches it. */
export function environmentOf(program: Pick<ServerProgram, 'libraryFolders'>): Record<string, string> {
  const libraries = program.libraryFolders.join(delimiter);
  return { LC_ALL: 'C', ...(libraries === '' ? {} : { LD_LIBRARY_PATH: libraries }) };
}

/** Running `--version` shows what a name hides: `mysqld` may be MariaDB, and a library may be missing. */
async function kindOf(path: string, libraryFolders: readonly string[]): Promise<ServerProgram['kind'] | undefined> {
  const env = environmentOf({ libraryFolders });
  const { code, output } = await runToEnd(path, ['--version'], { env, timeoutMs: 10_000 });
  if (code !== 0) return undefined;
  const major = Number(/(?:Ver |[vV]=)(\d+)\./.exec(output)?.[1] ?? 0);
  if (output.includes('MariaDB')) return major >= 10 ? 'mariadb' : undefined;
  if (/(?:Redis|Valkey) server/.test(output)) return major >= 6 ? 'redis' : undefined;
  // Only Oracle's builds name MySQL here; Debian's says: mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))
  return output.includes('Ver ') && major >= 8 ? 'mysql' : undefined;
}

/** The folders of libraries in a tree of unpacked packages, for LD_LIBRARY_PATH. */
export function fetchedLibraryFolders(root: string): readonly string[] {
  const folders: string[] = [];
  for (const parent of [join(root, 'usr/lib'), join(root, 'lib')]) {
    if (!existsSync(parent)) continue;
    const multiarch = readdirSync(parent).filter((name) => name.includes('-linux-gnu'));
    folders.push(...multiarch.map((name) => join(parent, name)), parent);
  }
  return folders;
}
