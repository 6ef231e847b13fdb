import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { demo, type EmbeddedServers, searchFolders, startEmbeddedServers } from '../../src/embedded/index.ts';
import { findFile } from '../../src/embedded/find.ts';
import { withConnection } from '../support/servers.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

const systemFolders = searchFolders(process.env['PATH']);
const pidFiles = ['mariadb.pid', 'mysql.pid', 'redis.pid'];

let temporary: Awaited<ReturnType<typeof createTemporaryFolder>>;
beforeAll(async () => {
  temporary = await createTemporaryFolder();
});
afterAll(() => temporary.remove());

interface Holder {
  readonly process: ChildProcess;
  readonly databaseUrl: string;
  readonly lines: string[];
}

async function startHolder(dataDir: string, folders: readonly string[]): Promise<Holder> {
  const script = join(import.meta.dirname, 'hold-servers.ts');
  const child = spawn(process.execPath, [script, dataDir, demo.serversDir, ...folders], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  await Promise.race([once(reader, 'line'), once(reader, 'close')]);
  expect(lines).toEqual([expect.stringMatching(/^mysql:/)]);
  return { process: child, databaseUrl: lines[0] ?? '', lines };
}

async function killed(holder: Holder, signal: NodeJS.Signals): Promise<void> {
  holder.process.kill(signal);
  await once(holder.process, 'exit');
}

function serverPids(dataDir: string): number[] {
  const files = pidFiles.map((name) => join(dataDir, name)).filter((path) => existsSync(path));
  return files.map((path) => Number.parseInt(readFileSync(path, 'utf8'), 10));
}

/** Of the process groups: a server that a shell watches is not its leader. */
function runningGroups(pids: readonly number[]): number[] {
  return pids.filter((pid) => {
    try {
      return process.kill(-pid, 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
      throw error;
    }
  });
}

/** Ended processes stay in the table until init has taken note of them. */
async function expectGone(pids: readonly number[]): Promise<void> {
  const end = performance.now() + 10_000;
  while (runningGroups(pids).length > 0 && performance.now() < end) await sleep(50);
  expect(runningGroups(pids)).toEqual([]);
}

function start(dataDir: string, folders = systemFolders): Promise<EmbeddedServers> {
  const options = { serversDir: demo.serversDir, database: true, redis: true, databaseName: 'crm', folders };
  return startEmbeddedServers({ ...options, dataDir, report: () => {} });
}

async function writeRow(url: string): Promise<void> {
  await withConnection(url, async (connection) => {
    await connection.query('CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY AUTO_INCREMENT)');
    await connection.query('INSERT INTO t VALUES ()');
  });
}

async function countRows(servers: EmbeddedServers): Promise<number> {
  const rows = await withConnection(servers.databaseUrl ?? '', (connection) =>
    connection.query<{ n: bigint }[]>('SELECT COUNT(*) AS n FROM t'),
  );
  return Number(rows[0]?.n);
}

/** The system's servers without its setpriv, as on macOS. */
async function foldersWithoutSetpriv(): Promise<readonly string[]> {
  const folder = await mkdtemp(join(temporary.path, 'bin-'));
  for (const name of ['mysqld', 'mariadbd', 'redis-server', 'valkey-server']) {
    const path = findFile(name, systemFolders);
    if (path !== undefined) await symlink(path, join(folder, name));
  }
  return [folder];
}

const guards = [
  ['with setpriv', () => Promise.resolve(systemFolders)],
  ['with a watching shell', foldersWithoutSetpriv],
] as const;

describe('embedded servers', () => {
  test.each(guards)(
    'end with a gateway that is killed, and the rows are there at the next start: %s',
    async (name, folders) => {
      const dataDir = join(temporary.path, name.replaceAll(' ', '-'));
      const holder = await startHolder(dataDir, await folders());
      await writeRow(holder.databaseUrl);
      const pids = serverPids(dataDir);
      expect(runningGroups(pids)).toEqual(pids);
      expect(pids).toHaveLength(2);
      await killed(holder, 'SIGKILL');
      // At once: the old server may still be shutting down.
      const again = await start(dataDir);
      const rows = await countRows(again);
      await again.stop();
      expect(rows).toBe(1);
      await expectGone(pids);
    },
  );

  test.each(guards)(
    'leave no process behind when the gateway is killed and never started again: %s',
    async (name, folders) => {
      const dataDir = join(temporary.path, `left-${name.replaceAll(' ', '-')}`);
      const holder = await startHolder(dataDir, await folders());
      const pids = serverPids(dataDir);
      await killed(holder, 'SIGKILL');
      await expectGone(pids);
    },
  );

  test('do not end a process that has got the id of an old server', async () => {
    const dataDir = join(temporary.path, 'id-again');
    const bystander = spawn('sleep', ['30'], { detached: true });
    await mkdir(dataDir);
    for (const name of pidFiles) await writeFile(join(dataDir, name), `${bystander.pid} 12345`);
    await (await start(dataDir)).stop();
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    bystander.kill();
  });

  test('keep their rows over a stop, and start again within 5 seconds', async () => {
    const dataDir = join(temporary.path, 'kept');
    const first = await start(dataDir);
    await writeRow(first.databaseUrl ?? '');
    await first.stop();
    expect(serverPids(dataDir)).toEqual([]);
    const began = performance.now();
    const second = await start(dataDir);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(await countRows(second)).toBe(1);
    await second.stop();
  });

  test('belong to one process: a second one is told which, and where the servers answer', async () => {
    const dataDir = join(temporary.path, 'shared');
    const holder = await startHolder(dataDir, systemFolders);
    const refusal = start(dataDir);
    await expect(refusal).rejects.toThrow(`process ${holder.process.pid}`);
    await expect(refusal).rejects.toThrow(`DATABASE_URL=${holder.databaseUrl}`);
    await killed(holder, 'SIGTERM');
    await (await start(dataDir)).stop();
  });

  test('answer in UTC, in utf8mb4, with the SQL mode of MySQL', async () => {
    const servers = await start(join(temporary.path, 'settings'));
    const [row] = await withConnection(servers.databaseUrl ?? '', (connection) =>
      connection.query<Record<string, string>[]>(
        'SELECT @@time_zone zone, @@character_set_database charset, @@sql_mode mode, @@bind_address address',
      ),
    );
    await servers.stop();
    expect(row).toMatchObject({ zone: '+00:00', charset: 'utf8mb4', address: '127.0.0.1' });
    expect(row?.['mode']).toContain('ONLY_FULL_GROUP_BY');
  });

  test('say so when one of them ends by itself, and nothing when they are stopped', async () => {
    const dataDir = join(temporary.path, 'died');
    const servers = await start(dataDir);
    const [, redisPid] = serverPids(dataDir);
    process.kill(redisPid ?? 0, 'SIGKILL');
    expect(await servers.died).toMatch(new RegExp(`redis server \\(process ${redisPid}\\) was ended by SIGKILL`));
    await servers.stop();
    const stopped = await start(dataDir);
    await stopped.stop();
    expect(await Promise.race([stopped.died, sleep(100, 'silent')])).toBe('silent');
  });

  test('are not created when the start is called off, and a later start finds nothing half-made', async () => {
    const dataDir = join(temporary.path, 'called-off');
    const options = {
      serversDir: demo.serversDir,
      database: true,
      redis: true,
      databaseName: 'crm',
      folders: systemFolders,
    };
    const controller = new AbortController();
    const report = (): void => controller.abort(new Error('called off'));
    const refused = startEmbeddedServers({ ...options, dataDir, report, signal: controller.signal });
    await expect(refused).rejects.toThrow('called off');
    expect(runningGroups(serverPids(dataDir))).toEqual([]);
    await (await start(dataDir)).stop();
  });
});
