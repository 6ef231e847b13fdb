import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../src/embedded/ports.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';
import { lockTable } from '../faults/table-lock.ts';
import { startProcess, type ProcessEnd } from './gateway-process.ts';

const STOP_MS = 10_000;

async function ask(address: string, query: string): Promise<unknown> {
  const response = await fetch(`${address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return response.json();
}

/** A server that takes connections and says nothing. */
async function startSilent(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Begun before all else, because one of them waits for ten seconds. */
const unreachable = new Map<string, { readonly host: string; readonly ended: Promise<ProcessEnd> }>();
let silent: Server;
beforeAll(async () => {
  silent = await startSilent();
  const begin = (name: string, host: string) => {
    const settings = { DATABASE_URL: `mysql://nobody:secret@${host}/crm`, CACHE_ENABLED: 'false' };
    unreachable.set(name, { host, ended: startProcess(settings).ended });
  };
  begin('who listens says nothing', `127.0.0.1:${(silent.address() as AddressInfo).port}`);
  begin('nobody listens', `127.0.0.1:${await freePort()}`);
  begin('the host is unknown', 'no-such-host.invalid');
  const { url, drop } = await createDatabase();
  begin('the password is wrong', new URL(url).host);
  await drop();
});
afterAll(() => void silent.close());

describe('npm start on servers of the settings', () => {
  let database: TestDatabase;
  let settings: Readonly<Record<string, string>>;
  beforeAll(async () => {
    database = await createDatabase();
    settings = { DATABASE_URL: database.url, REDIS_URL: redisUrl(), CACHE_PREFIX: `${process.pid}:` };
  });
  afterAll(() => database.drop());

  test.each(['SIGTERM', 'SIGINT'] as const)('says where it answers, serves, and ends with 0 on %s', async (signal) => {
    const gateway = startProcess(settings);
    const address = await gateway.address;
    const port = new URL(address).port;
    expect(await ask(address, '{ customers { totalCount } }')).toEqual({ data: { customers: { totalCount: 0 } } });
    const told = performance.now();
    gateway.kill(signal);
    const end = await gateway.ended;
    expect([end.code, end.signal, end.stderr]).toEqual([0, null, '']);
    expect(performance.now() - told).toBeLessThan(STOP_MS);
    expect(end.stdout.split('\n')).toEqual([
      'Nobody has to sign in: every caller may do everything. Do not open this to a network.',
      '',
      'Concierge answers at',
      `  http://localhost:${port}/graphql         GraphQL; in a browser, GraphiQL`,
      `  http://localhost:${port}/schema.graphql  the schema`,
      `  http://localhost:${port}/health/ready    what is up`,
      `  http://localhost:${port}/metrics         for Prometheus`,
      'Stop with Ctrl-C.',
      'Stopping: requests under way may finish.',
      '',
    ]);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('waits for a request under way, and ends at once on a second %s', async (signal, code) => {
    const gateway = startProcess({ ...settings, LIMIT_STATEMENT_MS: '60000', LIMIT_REQUEST_MS: '60000' });
    const address = await gateway.address;
    const lock = await lockTable(database.url, 'orders');
    const answer = ask(address, '{ orders { totalCount } }').catch(() => 'cut off');
    await lock.waiting(1);
    gateway.kill(signal);
    while (!gateway.stdout().includes('Stopping')) await sleep(10);
    await sleep(200);
    const told = performance.now();
    gateway.kill(signal);
    const end = await gateway.ended;
    expect([end.code, end.signal]).toEqual([code, null]);
    expect(performance.now() - told).toBeLessThan(1_000);
    expect(await answer).toBe('cut off');
    await lock.release();
  });

  test('says which address is taken, in one line, with exit code 69', async () => {
    const other = await startSilent();
    const { port } = other.address() as AddressInfo;
    const [end, elsewhere] = await Promise.all([
      startProcess({ ...settings, PORT: String(port) }).ended,
      startProcess({ ...settings, HOST: '192.0.2.1' }).ended,
    ]);
    other.close();
    expect([end.code, end.stderr]).toEqual([
      69,
      `HOST and PORT: expected an address of this machine that is free, got 127.0.0.1:${port}, which another program uses\n`,
    ]);
    expect([elsewhere.code, elsewhere.stderr]).toEqual([
      69,
      'HOST and PORT: expected an address of this machine that is free, got 192.0.2.1:0, which is not of this machine\n',
    ]);
  });

  test('serves though Redis is away', async () => {
    const gateway = startProcess({ ...settings, REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    expect(await ask(await gateway.address, '{ customers { totalCount } }')).toMatchObject({ data: {} });
    gateway.kill('SIGTERM');
    expect(await gateway.ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('npm start on a database out of reach', () => {
  test.each([
    ['nobody listens', /ECONNREFUSED|refused/],
    ['the host is unknown', /ENOTFOUND|EAI_AGAIN|unknown/],
    ['the password is wrong', /[Aa]ccess denied/],
    ['who listens says nothing', /timeout|no answer/i],
  ] as const)('says so in one line with exit code 69: %s', async (name, why) => {
    const started = unreachable.get(name);
    if (started === undefined) throw new Error(`${name}: nothing was started`);
    const { host } = started;
    const end = await started.ended;
    expect([end.code, end.stdout]).toEqual([69, '']);
    expect(end.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(end.stderr).toContain(`The database crm on ${host.includes(':') ? host : `${host}:3306`} cannot be used`);
    expect(end.stderr).toMatch(why);
    expect(end.stderr).not.toMatch(/secret|\bat \S+:\d+/);
    expect(end.tookMs).toBeLessThan(20_000);
  });
});

describe('npm start without any setting but a folder of its own', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'concierge-start-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The servers that the gateway has started, by what it noted of them. */
  const servers = (): number[] =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.pid'))
      .map((name) => Number.parseInt(readFileSync(join(folder, name), 'utf8'), 10));
  const isRunning = (pid: number) =>
    existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  async function untilGone(pids: readonly number[]): Promise<void> {
    expect(pids).toHaveLength(2);
    const end = performance.now() + STOP_MS;
    while (pids.some(isRunning) && performance.now() < end) await sleep(20);
    expect(pids.filter(isRunning)).toEqual([]);
  }

  test('runs its own servers, leaves none behind however it ends, and answers within seconds the next time', async () => {
    const count = '{ customers { totalCount } }';
    const first = startProcess({ DATA_DIR: folder });
    expect(await ask(await first.address, count)).toEqual({ data: { customers: { totalCount: 2_000 } } });
    for (const line of [/^Creating a database in /m, /^Applied migration /m, /^Loaded demo data: 2000 customers/m])
      expect(first.stdout()).toMatch(line);
    const running = servers();
    expect(running.filter(isRunning)).toHaveLength(2);
    first.kill('SIGKILL');
    await untilGone(running);

    const start = performance.now();
    const second = startProcess({ DATA_DIR: folder });
    const address = await second.address;
    const answer = await ask(address, count);
    const took = performance.now() - start;
    console.log(`npm start answered after ${Math.round(took)} ms on kept data`);
    expect(answer).toEqual({ data: { customers: { totalCount: 2_000 } } });
    expect(took).toBeLessThan(10_000);
    expect(second.stdout()).not.toMatch(/Applied|Loaded|Creating/);

    // The folder is for one gateway at a time.
    const third = await startProcess({ DATA_DIR: folder }).ended;
    expect([third.code, third.stderr.trimEnd().split('\n').length]).toEqual([1, 1]);
    expect(third.stderr).toContain(`belong to process ${second.pid}`);

    const again = servers();
    second.kill('SIGTERM');
    expect(await second.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(again.filter(isRunning)).toEqual([]);
  }, 90_000);

  test('says so when the folder is none', async () => {
    const end = await startProcess({ DATA_DIR: '/dev/null/data' }).ended;
    expect([end.code, end.stdout]).toEqual([1, '']);
    expect(end.stderr).toMatch(/^The embedded servers need a folder to write to, and \/dev\/null\/data is none .*\n$/);
  });
});
