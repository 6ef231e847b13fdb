import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runToEnd } from './children.ts';
import { findFile, type ServerRole } from './find.ts';
import { FolderLockedError, type FolderLock, lockFolder } from './folder-lock.ts';

export interface FetchOptions {
  readonly serversDir: string;
  /** Where to look for apt-get and dpkg-deb. */
  readonly folders: readonly string[];
  readonly report: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

/** Fetching failed; the message says why. */
export class FetchError extends Error {
  override readonly name = 'FetchError';
}

/** A Debian package to fetch. */
export interface Fetchable {
  /** Below `serversDir`; it appears only once it is complete. */
  readonly folder: string;
  /** A prefix of the name, since some Ubuntu packages have the version in it. */
  readonly packageName: string;
  /** Those of Debian 12, for when apt cannot resolve dependencies, as on a system with half-installed packages. */
  readonly knownDependencies: readonly string[];
  /** Fetched as well, although the package does not depend on them. */
  readonly extras?: readonly string[];
  /** Approximate size in MB, for the report. */
  readonly aboutMegabytes: number;
}

/** Packages without a service or user account. */
const servers: Record<ServerRole, Fetchable> = {
  database: {
    folder: 'database',
    packageName: 'mariadb-server-core',
    knownDependencies: ['libaio1', 'libnuma1', 'liburing2', 'libatomic1'],
    aboutMegabytes: 10,
  },
  redis: {
    folder: 'redis',
    packageName: 'redis-server',
    knownDependencies: ['redis-tools', 'liblzf1', 'libatomic1', 'libjemalloc2'],
    aboutMegabytes: 2,
  },
};

/** Where a role's packages are unpacked. */
export function fetchedRoot(serversDir: string, role: ServerRole): string {
  return join(serversDir, servers[role].folder);
}

/**
 * Fetches servers like `fetchPackages`.
 * @param missing returns the roles that are still missing
 * @throws FetchError on failure; the signal's reason when aborted
 */
export async function fetchServers(
  missing: () => Promise<readonly ServerRole[]>,
  options: FetchOptions,
): Promise<void> {
  await fetchPackages(async () => (await missing()).map((role) => servers[role]), options);
}

/**
 * Fetches Debian packages, verified by apt's signatures, and unpacks them below `serversDir`, together with libraries that the
 * system lacks. Does not change the system and needs no privileges. A package's folder appears only once it is complete; of
 * several processes, one fetches and the others wait for it.
 * @param missing returns what is still missing; called again when it is this process's turn
 * @throws FetchError on failure; the signal's reason when aborted
 */
export async function fetchPackages(
  missing: () => Promise<readonly Fetchable[]>,
  options: FetchOptions,
): Promise<void> {
  const aptGet = findFile('apt-get', options.folders);
  const aptCache = findFile('apt-cache', options.folders);
  const dpkgDeb = findFile('dpkg-deb', options.folders);
  if (!aptGet || !aptCache || !dpkgDeb)
    throw new FetchError('there is no apt-get and dpkg-deb on this machine to fetch them with');
  const lock = await lockWaiting(options);
  try {
    const wanted = await missing();
    if (wanted.length === 0) return;
    for (const name of await readdir(options.serversDir))
      if (name.startsWith('fetch-')) await rm(join(options.serversDir, name), { recursive: true });
    const work = await mkdtemp(join(options.serversDir, 'fetch-'));
    try {
      await fetchWith({ ...options, aptGet, aptCache, dpkgDeb, work, config: join(work, 'apt.conf') }, wanted);
    } finally {
      await rm(work, { recursive: true, maxRetries: 3 });
    }
  } finally {
    await lock.release();
  }
}

interface Tools extends FetchOptions {
  readonly aptGet: string;
  readonly aptCache: string;
  readonly dpkgDeb: string;
  /** For lists, packages and unpacked trees; removed afterwards. */
  readonly work: string;
  readonly config: string;
}

async function fetchWith(tools: Tools, wanted: readonly Fetchable[]): Promise<void> {
  const { work, config, report } = tools;
  const megabytes = wanted.reduce((sum, { aboutMegabytes }) => sum + aboutMegabytes, 0);
  const names = wanted.map(({ packageName }) => packageName).join(' and ');
  report(`Fetching ${names} (about ${megabytes} MB) into ${tools.serversDir} ...`);
  for (const folder of ['lists/partial', 'cache/archives/partial'])
    await mkdir(join(work, folder), { recursive: true });
  await writeFile(config, aptConfig(work));
  // It fails if any repository is unreachable, though the packages may well be in the others.
  const update = await apt(tools, ['update', '-qq']);
  for (const one of wanted) {
    const { folder, packageName } = one;
    const packages = await packagesOf(tools, one);
    if (packages.length === 0) throw new FetchError(`apt knows no package ${packageName} ${lastLine(update)}`);
    report(`  ${packages.join(', ')}`);
    const downloads = join(work, `${folder}-packages`);
    await mkdir(downloads);
    const download = await apt(tools, ['download', '-qq', ...packages], downloads);
    if (download.code !== 0) throw new FetchError(`apt-get download failed ${lastLine(download)}`);
    for (const file of await readdir(downloads)) {
      const args = ['-x', join(downloads, file), join(work, folder)];
      const unpacking = await runToEnd(tools.dpkgDeb, args, { signal: tools.signal });
      if (unpacking.code !== 0) throw new FetchError(`dpkg-deb -x ${file} failed ${lastLine(unpacking)}`);
    }
    const root = join(tools.serversDir, folder);
    await rm(root, { recursive: true, force: true });
    await rename(join(work, folder), root);
  }
  report('Fetched.');
}

/** The names of the package and of its dependencies that the system lacks. */
async function packagesOf(tools: Tools, fetchable: Fetchable): Promise<readonly string[]> {
  const { packageName: wanted, knownDependencies, extras = [] } = fetchable;
  const names = await runToEnd(tools.aptCache, ['-c', tools.config, 'pkgnames', wanted], { signal: tools.signal });
  const known = names.output
    .split('\n')
    .filter((name) => name === wanted || /^-?[\d.]+$/.test(name.slice(wanted.length)));
  const main = known.includes(wanted) ? wanted : known.sort().at(-1);
  if (main === undefined) return [];
  // --print-uris only lists, and installs nothing. A line is: 'address' name_version_architecture.deb size hash
  const plan = await apt(tools, ['install', '--print-uris', '-qq', '--no-install-recommends', main]);
  const files = plan.output
    .split('\n')
    .map((line) => /^'[^']*' (?<name>[^_ ]+)_\S+\.deb /.exec(line)?.groups?.['name']);
  const planned = files.filter((name) => name !== undefined);
  const needed = plan.code === 0 && planned.includes(main) ? planned : [main, ...knownDependencies];
  return [...needed, ...extras];
}

async function apt(tools: Tools, args: readonly string[], cwd?: string): Promise<{ code: number; output: string }> {
  const options = { signal: tools.signal, timeoutMs: 300_000, ...(cwd === undefined ? {} : { cwd }) };
  return runToEnd(tools.aptGet, ['-c', tools.config, ...args], options);
}

/** Uses separate lists and caches: the system's may be empty, outdated, or not writable for us. */
function aptConfig(work: string): string {
  return [
    `Dir::State::lists "${work}/lists";`,
    `Dir::Cache "${work}/cache";`,
    'Debug::NoLocking "true";',
    // As root, apt would download as its own user, who may not have write access here.
    'APT::Sandbox::User "";',
    'Acquire::Languages "none";',
    'Acquire::Retries "1";',
    'Acquire::http::Timeout "15";',
    'Acquire::https::Timeout "15";',
    // Distributions add hooks to these that touch the system's caches.
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '',
  ].join('\n');
}

async function lockWaiting({ serversDir, report, signal }: FetchOptions): Promise<FolderLock> {
  const end = performance.now() + 300_000;
  for (let asked = 0; ; asked += 1) {
    signal?.throwIfAborted();
    try {
      return await lockFolder(serversDir);
    } catch (error) {
      if (!(error instanceof FolderLockedError)) throw error;
      if (performance.now() > end) throw new FetchError(`process ${error.pid} has been fetching them for 5 minutes`);
      if (asked === 0) report(`Waiting for process ${error.pid}, which is fetching the servers ...`);
    }
    await sleep(200);
  }
}

function lastLine({ output }: { readonly output: string }): string {
  const line = output.trim().split('\n').at(-1) ?? '';
  return line === '' ? '' : `(${line})`;
}
