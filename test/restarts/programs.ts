import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runToEnd } from '../../src/embedded/children.ts';
import { type Fetchable, FetchError, fetchPackages } from '../../src/embedded/fetch.ts';
import { environmentOf, fetchedLibraryFolders, findFile, searchFolders } from '../../src/embedded/find.ts';

/** Holds fetched proxies. */
const proxiesDir = join(import.meta.dirname, '../../.data/proxies');

export type ProxyName = 'haproxy' | 'nginx';

const packages: Record<ProxyName, Fetchable> = {
  haproxy: {
    folder: 'haproxy',
    packageName: 'haproxy',
    knownDependencies: ['liblua5.3-0', 'libopentracing1', 'libopentracing-c-wrapper0'],
    aboutMegabytes: 2,
  },
  nginx: { folder: 'nginx', packageName: 'nginx', knownDependencies: [], aboutMegabytes: 1 },
};

/** A proxy that runs on this machine. */
export interface ProxyProgram {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Finds an installed proxy, else Debian's, fetched into `.data/` without changing the system.
 * @throws Error with the command to run, when there is none and none can be fetched
 */
export async function findProxy(name: ProxyName): Promise<ProxyProgram> {
  const folders = searchFolders(process.env['PATH']);
  const root = join(proxiesDir, packages[name].folder);
  const found = async (): Promise<ProxyProgram | undefined> => {
    const fetchedEnv = environmentOf({ libraryFolders: fetchedLibraryFolders(root) });
    const installed = { path: findFile(name, folders), env: environmentOf({ libraryFolders: [] }) };
    for (const { path, env } of [installed, { path: findFile(name, [join(root, 'usr/sbin')]), env: fetchedEnv }])
      if (path !== undefined && (await runToEnd(path, ['-v'], { env })).code === 0) return { path, env };
    return undefined;
  };
  const program = await found();
  if (program !== undefined) return program;
  const missing = async () => ((await found()) === undefined ? [packages[name]] : []);
  try {
    await mkdir(proxiesDir, { recursive: true });
    await fetchPackages(missing, { serversDir: proxiesDir, folders, report: console.log, signal: undefined });
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    throw new Error(`Found no ${name} and could not fetch it: ${error.message}. Install it (apt install ${name}).`, {
      cause: error,
    });
  }
  const fetched = await found();
  if (fetched === undefined) throw new Error(`The fetched ${name} does not run on this machine. Install it.`);
  return fetched;
}
