import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { demo, type EmbeddedServers, searchFolders, startEmbeddedServers } from '../../src/embedded/index.ts';
import { endLeftover, startChild } from '../../src/embedded/children.ts';
import { orGiveUp, pause, until, within } from '../support/patience.ts';
import { withConnection } from '../support/servers.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { untilAdded } from './log-additions.ts';

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

function spawnHolder(dataDir: string, folders: readonly string[]): ChildProcessByStdio<Writable, Readable, null> {
  const script = join(import.meta.dirname, 'hold-servers.ts');
  return spawn(process.execPath, [script, dataDir, demo.serversDir, ...folders], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** Log lines of MariaDB while it is starting and loses signals. */
const STARTING = [
  /Starting MariaDB/,
  /Completed initialization of buffer pool/,
  /log sequence number/,
  /Server socket created/,
];

/** Waits until the database server's log has another such line, or all servers answer (with another kind of server). */
async function untilLogged(dataDir: string, line: RegExp, holder: { stdout: Readable }): Promise<void> {
  const isSeen = (added: string): boolean => line.test(added) && serverPids(dataDir).some((pid) => pid > 0);
  await untilAdded({ folder: dataDir, name: 'mariadb.log' }, isSeen, once(holder.stdout, 'data'));
}

async function startHolder(dataDir: string, folders: readonly string[]): Promise<Holder> {
  const child = spawnHolder(dataDir, folders);
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  await orGiveUp('the servers to answer', Promise.race([once(reader, 'line'), once(reader, 'close')]));
  expect(lines).toEqual([expect.stringMatching(/^mysql:/)]);
  return { process: child, databaseUrl: lines[0] ?? '', lines };
}

async function killed(holder: Holder, signal: NodeJS.Signals): Promise<void> {
  holder.process.kill(signal);
  await orGiveUp('the holder to end', once(holder.process, 'exit'));
}

function serverPids(dataDir: string): number[] {
  const files = pidFiles.map((name) => join(dataDir, name)).filter((path) => existsSync(path));
  return files.map((path) => Number.parseInt(readFileSync(path, 'utf8'), 10));
}

/** Those whose process group still has a process: a server, or the guard that will end it. */
function running(pids: readonly number[]): number[] {
  return pids.filter((pid) => {
    try {
      return process.kill(-pid, 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
      throw error;
    }
  });
}

/** Ended processes stay in the process table until init has reaped them. */
async function expectGone(pids: readonly number[]): Promise<void> {
  await until(
    'every process to be gone',
    () => running(pids),
    (left) => left.length === 0,
  );
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

describe('embedded servers', () => {
  test('end with a gateway that is killed, and the rows are there at the next start', async () => {
    const dataDir = join(temporary.path, 'killed');
    const holder = await startHolder(dataDir, systemFolders);
    await writeRow(holder.databaseUrl);
    const pids = serverPids(dataDir);
    expect(running(pids)).toEqual(pids);
    expect(pids).toHaveLength(2);
    await killed(holder, 'SIGKILL');
    // At once, while the old server may still be shutting down.
    const again = await start(dataDir);
    const rows = await countRows(again);
    await again.stop();
    expect(rows).toBe(1);
    await expectGone(pids);
  });

  test('leave no process behind when the gateway is killed and never started again', async () => {
    const dataDir = join(temporary.path, 'left');
    const holder = await startHolder(dataDir, systemFolders);
    const pids = serverPids(dataDir);
    await killed(holder, 'SIGKILL');
    await expectGone(pids);
  });

  test('leave no process behind when the gateway is killed while they start, and no data is lost', async () => {
    const dataDir = join(temporary.path, 'starting');
    const first = await start(dataDir);
    await writeRow(first.databaseUrl ?? '');
    await first.stop();
    for (const line of STARTING) {
      const child = spawnHolder(dataDir, systemFolders);
      await untilLogged(dataDir, line, child);
      const pids = serverPids(dataDir);
      child.kill('SIGKILL');
      await orGiveUp('the holder to end', once(child, 'exit'));
      expect(pids.length).toBeGreaterThan(0);
      await expectGone(pids);
    }
    const again = await start(dataDir);
    const rows = await countRows(again);
    await again.stop();
    expect(rows).toBe(1);
  });

  test('that an earlier gateway left running are killed when they ignore SIGTERM', async () => {
    const dataDir = join(temporary.path, 'deaf');
    await mkdir(dataDir);
    const pidFile = join(dataDir, 'deaf.pid');
    const command = { path: '/bin/sh', args: ['-c', "trap '' TERM; echo deaf; while :; do sleep 0.1; done"], env: {} };
    const child = await startChild({ ...command, logFile: join(dataDir, 'deaf.log'), pidFile });
    await until('it to be deaf', child.lastOutput, (output) => output.includes('deaf'));
    // How long it may take to end by itself.
    await endLeftover(pidFile, dataDir, 100);
    expect(await child.exited).toBe('was ended by SIGKILL');
    expect(existsSync(pidFile)).toBe(false);
  });

  test('do not end another process that now has the id of an old server', async () => {
    const dataDir = join(temporary.path, 'id-again');
    const bystander = spawn('sleep', ['600'], { detached: true });
    await mkdir(dataDir);
    for (const name of pidFiles) await writeFile(join(dataDir, name), `${bystander.pid} 12345`);
    try {
      await (await start(dataDir)).stop();
      expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    } finally {
      bystander.kill();
    }
  });

  test('keep their rows across a restart, and start again within 5 seconds', async () => {
    const dataDir = join(temporary.path, 'kept');
    const first = await start(dataDir);
    await writeRow(first.databaseUrl ?? '');
    await first.stop();
    expect(serverPids(dataDir)).toEqual([]);
    const second = await within(5_000, 'the second start', () => start(dataDir));
    expect(await countRows(second)).toBe(1);
    await second.stop();
  });

  test('belong to one process: an error tells a second one which, and where the servers answer', async () => {
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

  test('report when the database ends by itself, with its log, and nothing when they are stopped', async () => {
    const dataDir = join(temporary.path, 'died');
    const servers = await start(dataDir);
    const [databasePid] = serverPids(dataDir);
    process.kill(databasePid ?? 0, 'SIGKILL');
    expect(await servers.died).toMatch(
      new RegExp(
        `database server \\(process ${databasePid}\\) was ended by SIGKILL; its log is ${dataDir}/m\\w+\\.log$`,
      ),
    );
    await servers.stop();
    const stopped = await start(dataDir);
    await stopped.stop();
    expect(await Promise.race([stopped.died, pause(100).then(() => 'silent')])).toBe('silent');
  });

  test('have a Redis that is restarted on its port as often as it ends, and is gone after the stop', async () => {
    const dataDir = join(temporary.path, 'again');
    const lines: string[] = [];
    const servers = await start(dataDir);
    servers.reportTo((line) => lines.push(line));
    const redisPid = () => serverPids(dataDir)[1] ?? 0;
    const pids = [redisPid()];
    for (const times of [1, 2, 3]) {
      process.kill(redisPid(), 'SIGKILL');
      await until('two lines each time', () => lines.length === 2 * times);
      pids.push(redisPid());
    }
    await servers.stop();
    expect(lines).toEqual(
      pids
        .slice(1)
        .flatMap((pid, i) => [
          `The embedded redis server (process ${pids[i]}) was ended by SIGKILL, and is started again; its log is ${join(dataDir, 'redis.log')}`,
          `The embedded redis server was started again (process ${pid})`,
        ]),
    );
    await expectGone(pids);
    expect(await Promise.race([servers.died, pause(100).then(() => 'silent')])).toBe('silent');
  });

  test('are not created when the start is aborted, and a later start finds nothing incomplete', async () => {
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
    expect(running(serverPids(dataDir))).toEqual([]);
    await (await start(dataDir)).stop();
  });
});
