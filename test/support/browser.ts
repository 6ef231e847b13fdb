import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { runToEnd } from '../../src/embedded/children.ts';
import { type Fetchable, FetchError, fetchPackages } from '../../src/embedded/fetch.ts';
import { fetchedLibraryFolders, findFile, searchFolders } from '../../src/embedded/find.ts';
import { PATIENCE_MS } from './patience.ts';

/** Holds fetched browsers, which are kept because they are 100 MB each. */
const browsersDir = join(import.meta.dirname, '../../.data/browser');

/** Chromium's headless part: without GTK and services, it has half of the full browser's dependencies. */
const headlessShell: Fetchable = {
  folder: 'chromium',
  packageName: 'chromium-headless-shell',
  knownDependencies: ['chromium-common', 'libdouble-conversion3', 'libflac12', 'libharfbuzz-subset0', 'libminizip1']
    .concat(['libnss3', 'libopenh264-7', 'libopenjp2-7', 'libopus0', 'libpulse0', 'libasyncns0', 'libsndfile1'])
    .concat(['libmp3lame0', 'libmpg123-0', 'libogg0', 'libvorbis0a', 'libvorbisenc2', 'libxnvctrl0']),
  // A minimal machine has no fonts: these cover Latin, Arabic and the like; Chinese, Japanese and Korean; Hindi.
  extras: ['fonts-dejavu-core', 'fonts-droid-fallback', 'fonts-lohit-deva'],
  aboutMegabytes: 103,
};

const programNames = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome-headless-shell'];

const flags = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'].concat([
  '--disable-component-update',
  '--disable-sync',
]);

interface BrowserProgram {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A browser with its own profile; `close` removes both. */
export interface TestBrowser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/**
 * Starts a headless Chromium: from CHROMIUM_PATH, else an installed one, else Debian's, fetched into `.data/` without changing
 * the system (100 MB, the first time).
 * @throws Error with the command to run, when none is found and none can be fetched
 */
export async function startBrowser(): Promise<TestBrowser> {
  const program = await findOrFetch();
  const profile = await mkdtemp(join(tmpdir(), 'concierge-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: program.path,
    env: { HOME: profile, LC_ALL: 'C.UTF-8', ...program.env },
    headless: true,
    // Its sandbox needs privileges that containers and root lack; only our own pages are opened.
    chromiumSandbox: false,
    args: flags,
    viewport: { width: 1440, height: 900 },
    timeout: 0,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const close = async (): Promise<void> => {
    await context.close();
    await rm(profile, { recursive: true, maxRetries: 5 });
  };
  return { context, close };
}

async function findOrFetch(): Promise<BrowserProgram> {
  const folders = searchFolders(process.env['PATH']);
  const given = process.env['CHROMIUM_PATH'];
  const installed = given === undefined ? programNames.map((name) => findFile(name, folders)) : [given];
  for (const path of installed) if (path !== undefined && (await runs({ path, env: {} }))) return { path, env: {} };
  const advice = 'Install one (apt install chromium), or name one with CHROMIUM_PATH.';
  if (given !== undefined) throw new Error(`CHROMIUM_PATH: ${given} is no browser that runs here. ${advice}`);
  const fetched = await fetchedProgram();
  if (await runs(fetched)) return fetched;
  try {
    await mkdir(browsersDir, { recursive: true });
    const missing = async () => ((await runs(fetched)) ? [] : [headlessShell]);
    await fetchPackages(missing, { serversDir: browsersDir, folders, report: console.log, signal: undefined });
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    throw new Error(`Found no Chromium and could not fetch it: ${error.message}. ${advice}`, { cause: error });
  }
  const now = await fetchedProgram();
  if (await runs(now)) return now;
  throw new Error(`Found no Chromium, and the fetched one does not run on this machine. ${advice}`);
}

async function fetchedProgram(): Promise<BrowserProgram> {
  const root = join(browsersDir, headlessShell.folder);
  const libraries = fetchedLibraryFolders(root);
  // PulseAudio has a separate library that its others find by an absolute path.
  const folders = libraries.flatMap((folder) => [folder, join(folder, 'pulseaudio')]);
  const fontConfig = join(browsersDir, 'fonts.conf');
  await mkdir(browsersDir, { recursive: true });
  await writeFile(fontConfig, fontSettings(join(root, 'usr/share/fonts')));
  return {
    path: join(root, 'usr/lib/chromium/chromium-headless-shell'),
    env: { LD_LIBRARY_PATH: folders.join(':'), FONTCONFIG_FILE: fontConfig },
  };
}

function fontSettings(fonts: string): string {
  const folders = ['/usr/share/fonts', '/usr/local/share/fonts', fonts].map((folder) => `<dir>${folder}</dir>`);
  return `<?xml version="1.0"?>\n<fontconfig>${folders.join('')}<cachedir>${join(browsersDir, 'fonts')}</cachedir></fontconfig>\n`;
}

async function runs({ path, env }: BrowserProgram): Promise<boolean> {
  const { code, output } = await runToEnd(path, ['--version'], { env: { ...env, LC_ALL: 'C' } });
  return code === 0 && /Chrom/.test(output);
}
