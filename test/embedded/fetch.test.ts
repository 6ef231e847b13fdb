import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { FetchError, fetchedRoot, fetchServers } from '../../src/embedded/fetch.ts';
import { findServers, type ServerRole } from '../../src/embedded/find.ts';
import { startEmbeddedServers } from '../../src/embedded/index.ts';
import { until } from '../support/patience.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

// apt and its packages are third parties, so these tests stub them; the suite's own servers are really fetched if the machine
// has none.
const stubs = {
  'apt-cache': 'echo mariadb-server-core; echo mariadb-server-core-doc; echo redis-server',
  'apt-get': `
echo "$*" >> "$(dirname "$0")/calls"
case "$*" in
  *update*) sleep 0.3 ;;
  *print-uris*) for package in library "\${6##* }"; do echo "'http://x/$package_1.deb' \${package}_1_amd64.deb 7 SHA256:0"; done ;;
  *download*) shift 4; for package; do echo "$package" > "\${package}_1_amd64.deb"; done ;;
esac`,
  'dpkg-deb': `
case "$2" in
  *mariadb-server-core_*) mkdir -p "$3/usr/sbin"; file="$3/usr/sbin/mariadbd"; line='mariadbd  Ver 10.11.1-MariaDB' ;;
  *redis-server_*) mkdir -p "$3/usr/bin"; file="$3/usr/bin/redis-server"; line='Redis server v=7.0.15' ;;
  *) mkdir -p "$3/usr/lib/x86_64-linux-gnu"; exit 0 ;;
esac
printf '#!/bin/sh\\necho "%s"\\n' "$line" > "$file"; chmod +x "$file"`,
};

let temporary: Awaited<ReturnType<typeof createTemporaryFolder>>;
beforeAll(async () => {
  temporary = await createTemporaryFolder();
});
afterAll(() => temporary.remove());

let bin: string;
let serversDir: string;
let number = 0;
beforeEach(async () => {
  number += 1;
  bin = join(temporary.path, `bin-${number}`);
  serversDir = join(temporary.path, `servers-${number}`);
  await mkdir(bin);
  for (const [name, script] of Object.entries(stubs)) await writeStub(name, script);
});

async function writeStub(name: string, script: string): Promise<void> {
  await writeFile(join(bin, name), `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`);
  await chmod(join(bin, name), 0o755);
}

async function missing(): Promise<readonly ServerRole[]> {
  const roles = ['database', 'redis'] as const;
  const found = await Promise.all(roles.map((role) => findServers(role, [], fetchedRoot(serversDir, role))));
  return roles.filter((_, index) => found[index]?.length === 0);
}

function fetch(signal?: AbortSignal): Promise<void> {
  return fetchServers(missing, { serversDir, folders: [bin], report: () => {}, signal });
}

function start(folders: readonly string[]) {
  const options = { serversDir, database: true, redis: true, databaseName: 'crm', report: () => {} };
  return startEmbeddedServers({ ...options, dataDir: join(temporary.path, `data-${number}`), folders });
}

describe('finding servers', () => {
  test.each([
    ['mysqld', 'mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))', 'mysql'],
    ['mysqld', 'mysqld  Ver 8.4.3 for Linux on x86_64 (MySQL Community Server - GPL)', 'mysql'],
    ['mysqld', 'mysqld  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)', 'mariadb'],
    [
      'mariadbd',
      'mariadbd from 11.8.3-MariaDB, client 15.2 for debian-linux-gnu (x86_64), Ver 11.8.3-MariaDB',
      'mariadb',
    ],
    ['mysqld', 'mysqld  Ver 5.7.44 for Linux on x86_64 (MySQL Community Server (GPL))', undefined],
    ['redis-server', 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d8a7', 'redis'],
    ['valkey-server', 'Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1', 'redis'],
    ['redis-server', 'Redis server v=5.0.3 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64 build=9', undefined],
  ])('takes %s for what it says, not for its name: %s', async (name, version, kind) => {
    await writeStub(name, `echo "${version}"`);
    const role = name.endsWith('d') ? 'database' : 'redis';
    const found = await findServers(role, [bin], join(temporary.path, 'none'));
    expect(found.map((program) => program.kind)).toEqual(kind === undefined ? [] : [kind]);
  });

  test('skips one that does not run', async () => {
    await writeStub('mysqld', 'echo "error while loading shared libraries: libaio.so.1"; exit 127');
    expect(await findServers('database', [bin], join(temporary.path, 'none'))).toEqual([]);
  });
});

describe('fetching servers', () => {
  test('unpacks the packages with the libraries that the system lacks, and leaves nothing else behind', async () => {
    await fetch();
    expect(await missing()).toEqual([]);
    expect((await readdir(serversDir)).sort()).toEqual(['database', 'lock', 'redis']);
    const [server] = await findServers('database', [], fetchedRoot(serversDir, 'database'));
    expect(server).toEqual({
      kind: 'mariadb',
      path: join(serversDir, 'database/usr/sbin/mariadbd'),
      libraryFolders: [join(serversDir, 'database/usr/lib/x86_64-linux-gnu'), join(serversDir, 'database/usr/lib')],
    });
  });

  test('happens once, however many processes want it at the same time', async () => {
    await Promise.all([fetch(), fetch(), fetch()]);
    expect((await readFile(join(bin, 'calls'), 'utf8')).match(/update/g)).toHaveLength(1);
    await fetch();
    expect((await readFile(join(bin, 'calls'), 'utf8')).match(/update/g)).toHaveLength(1);
  });

  test('that was aborted does not count as done, and the next one cleans up after it', async () => {
    await writeStub('apt-get', 'echo "$*" >> "$(dirname "$0")/calls"; exec sleep 600');
    const controller = new AbortController();
    const fetching = fetch(controller.signal);
    await until(
      'apt-get to run',
      () => readdir(bin),
      (names) => names.includes('calls'),
    );
    controller.abort(new Error('called off'));
    await expect(fetching).rejects.toThrow('called off');
    expect(await missing()).toEqual(['database', 'redis']);
    await mkdir(join(serversDir, 'fetch-of-a-killed-process'));
    await writeStub('apt-get', stubs['apt-get']);
    await fetch();
    expect((await readdir(serversDir)).sort()).toEqual(['database', 'lock', 'redis']);
  });

  test('that fails says why in the words of apt', async () => {
    await writeStub('apt-get', 'echo "E: Could not resolve deb.example.org"; exit 100');
    await expect(fetch()).rejects.toThrow(FetchError);
    await expect(fetch()).rejects.toThrow('deb.example.org');
    expect((await readdir(serversDir)).sort()).toEqual(['lock']);
  });

  test('is impossible without apt, and the start then says what to install', async () => {
    const starting = start([]);
    await expect(starting).rejects.toMatchObject({ name: 'CliError' });
    await expect(starting).rejects.toThrow(/no MySQL-compatible server .* and no Redis .*no apt-get/);
    await expect(starting).rejects.toThrow('apt install mariadb-server redis-server');
    await expect(starting).rejects.toThrow('docker compose up --wait');
  });

  test('of a server that does not run afterwards is an error, not a loop', async () => {
    await writeStub(
      'dpkg-deb',
      'mkdir -p "$3/usr/sbin"; printf "#!/bin/sh\\nexit 127\\n" > "$3/usr/sbin/mariadbd"; chmod +x "$3/usr/sbin/mariadbd"',
    );
    await expect(start([bin])).rejects.toThrow('the fetched one does not run on this machine');
  });
});
