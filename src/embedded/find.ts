import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runToEnd } from './children.ts';

/** A server that this machine can run. */
export interface ServerProgram {
  readonly kind: 'mysql' | 'mariadb' | 'redis';
  readonly path: string;
  /** For LD_LIBRARY_PATH; empty for a program installed in the system. */
  readonly libraryFolders: readonly string[];
}

export type ServerRole = 'database' | 'redis';

/** Servers are rarely on a user's PATH: Debian puts them in sbin, Fedora in libexec, Homebrew in its own folders. */
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

// Prefers genuine MySQL, which the gateway is built for.
const names: Record<ServerRole, readonly string[]> = {
  database: ['mysqld', 'mariadbd'],
  redis: ['redis-server', 'valkey-server'],
};

/**
 * The folders to search for programs.
 * @param path the PATH variable; undefined or '' adds nothing
 * @returns PATH's folders in order, then the usual places of servers
 */
export function searchFolders(path: string | undefined): readonly string[] {
  const given = (path ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...new Set([...given, ...usualFolders])];
}

/** The full path of a file in the first of `folders` that has it; undefined if none does. */
export function findFile(name: string, folders: readonly string[]): string | undefined {
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * Finds servers that run and are recent enough, first in the system, then among fetched ones.
 * @param role what the server is for
 * @param folders where to find the system's programs, see `searchFolders`
 * @param fetchedRoot where packages for this role are unpacked; it need not exist
 * @returns best first; empty if there is none
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

/** The environment that a program needs. Nothing of our own (passwords in DATABASE_URL) is passed on. */
export function environmentOf(program: Pick<ServerProgram, 'libraryFolders'>): Record<string, string> {
  const libraries = program.libraryFolders.join(delimiter);
  return { LC_ALL: 'C', ...(libraries === '' ? {} : { LD_LIBRARY_PATH: libraries }) };
}

/** Runs `--version`, since the name is not enough: `mysqld` may be MariaDB, and a library may be missing. */
async function kindOf(path: string, libraryFolders: readonly string[]): Promise<ServerProgram['kind'] | undefined> {
  const env = environmentOf({ libraryFolders });
  const { code, output } = await runToEnd(path, ['--version'], { env, timeoutMs: 10_000 });
  if (code !== 0) return undefined;
  const major = Number(/(?:Ver |[vV]=)(\d+)\./.exec(output)?.[1] ?? 0);
  if (output.includes('MariaDB')) return major >= 10 ? 'mariadb' : undefined;
  if (/(?:Redis|Valkey) server/.test(output)) return major >= 6 ? 'redis' : undefined;
  // Only Oracle's builds mention MySQL; Debian's prints: mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))
  return output.includes('Ver ') && major >= 8 ? 'mysql' : undefined;
}

/** The library folders in a tree of unpacked packages, for LD_LIBRARY_PATH. */
export function fetchedLibraryFolders(root: string): readonly string[] {
  const folders: string[] = [];
  for (const parent of [join(root, 'usr/lib'), join(root, 'lib')]) {
    if (!existsSync(parent)) continue;
    const multiarch = readdirSync(parent).filter((name) => name.includes('-linux-gnu'));
    folders.push(...multiarch.map((name) => join(parent, name)), parent);
  }
  return folders;
}
