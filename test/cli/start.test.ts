import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../src/embedded/ports.ts';
import {
  createDatabase,
  createEmptyDatabase,
  redisUrl,
  withConnection,
  type TestDatabase,
} from '../support/servers.ts';
import { PATIENT } from '../support/gateway.ts';
import { assertTime, measured, orGiveUp, pause, until, within } from '../support/patience.ts';
import { isRunning } from '../support/is-running.ts';
import { untilAdded } from '../embedded/log-additions.ts';
import { lockTable } from '../faults/table-lock.ts';
import { CHANGED, subscribe } from '../subscriptions/event-reader.ts';
import { startProcess, type GatewayProcess } from './gateway-process.ts';

const STOP_MS = 10_000;
/** Longer than npm's copy of a signal may take to arrive. */
const NO_ECHO_MS = 1_200;

async function ask(address: string, query: string): Promise<unknown> {
  const response = await fetch(`${address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return response.json();
}

/** A server that accepts connections and sends nothing. */
async function startSilent(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const untilStopping = (gateway: GatewayProcess): Promise<string> =>
  until('the gateway to take the signal', gateway.stdout, (text) => text.includes('Stopping'));

/** How a gateway ended, and how long that took. */
const endOf = (settings: Readonly<Record<string, string>>) => measured(() => startProcess(settings).ended);

/** Started first, because one of them waits for ten seconds. */
const unreachable = new Map<string, { readonly host: string; readonly ended: ReturnType<typeof endOf> }>();
let silent: Server;
beforeAll(async () => {
  silent = await startSilent();
  const begin = (name: string, host: string, more: Readonly<Record<string, string>> = { CACHE_ENABLED: 'false' }) => {
    const settings = { DATABASE_URL: `mysql://nobody:secret@${host}/crm`, ...more };
    unreachable.set(name, { host, ended: endOf(settings) });
  };
  begin('who listens says nothing', `127.0.0.1:${(silent.address() as AddressInfo).port}`);
  begin('nobody listens', `127.0.0.1:${await freePort()}`);
  begin('nobody listens, and a Redis of its own has no folder', `127.0.0.1:${await freePort()}`, {
    DATA_DIR: '/dev/null/data',
  });
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
    settings = { DATABASE_URL: database.url, REDIS_URL: redisUrl(), CACHE_PREFIX: `${process.pid}:`, ...PATIENT };
  });
  afterAll(() => database.drop());

  test.each(['SIGTERM', 'SIGINT'] as const)('says where it answers, serves, and ends with 0 on %s', async (signal) => {
    const gateway = startProcess(settings);
    const address = await gateway.address;
    const port = new URL(address).port;
    expect(await ask(address, '{ customers { totalCount } }')).toEqual({ data: { customers: { totalCount: 0 } } });
    gateway.kill(signal);
    const end = await within(STOP_MS, `the stop by ${signal}`, () => gateway.ended);
    expect([end.code, end.signal, end.stderr]).toEqual([0, null, '']);
    expect(end.stdout.split('\n')).toEqual([
      'There is no authentication: every caller may read and write everything. Do not expose this to a network.',
      '',
      'Concierge answers at',
      `  http://localhost:${port}/graphql         GraphQL; in a browser, GraphiQL`,
      `  http://localhost:${port}/schema.graphql  the schema`,
      `  http://localhost:${port}/health/ready    readiness`,
      `  http://localhost:${port}/metrics         for Prometheus`,
      'with',
      '  callers    everybody, with every scope (AUTH_...)',
      '  schema     for everybody (AUTH_EXPLORE)',
      '  documents  any (TRUSTED_DOCUMENTS)',
      '  web pages  of no other origin (CORS_ORIGINS)',
      'Stop with Ctrl-C.',
      'Stopping: requests in progress may finish.',
      '',
    ]);
  });

  test('treats a signal that arrives twice, from the terminal and from npm, as one', async () => {
    const gateway = startProcess({ ...settings, CACHE_ENABLED: 'false' });
    const address = await gateway.address;
    const lock = await lockTable(database.url, 'orders');
    const answer = ask(address, '{ orders { totalCount } }').catch(() => 'cut off');
    await lock.waiting(1);
    // Both signals arrive at once, however slow the machine: they are pending while it is stopped. Two equal ones would merge.
    gateway.kill('SIGSTOP');
    gateway.kill('SIGINT');
    gateway.kill('SIGTERM');
    gateway.kill('SIGCONT');
    await untilStopping(gateway);
    await lock.release();
    expect(await answer).toEqual({ data: { orders: { totalCount: 0 } } });
    expect(await gateway.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('waits for a request under way, and ends at once on a second %s', async (signal, code) => {
    const gateway = startProcess(settings);
    const address = await gateway.address;
    const lock = await lockTable(database.url, 'orders');
    const answer = ask(address, '{ orders { totalCount } }').catch(() => 'cut off');
    await lock.waiting(1);
    gateway.kill(signal);
    await untilStopping(gateway);
    await pause(NO_ECHO_MS);
    gateway.kill(signal);
    const end = await within(1_000, `the end by a second ${signal}`, () => gateway.ended);
    expect([end.code, end.signal]).toEqual([code, null]);
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
      'HOST and PORT: expected an address of this machine that is free, got 192.0.2.1:0, which is not an address of this machine\n',
    ]);
  });

  test('checks that its address is free before it does anything else', async () => {
    const other = await startSilent();
    const { port } = other.address() as AddressInfo;
    const [none, folder] = [await createEmptyDatabase(), join(tmpdir(), `concierge-untouched-${process.pid}`)];
    await none.drop();
    const taken = { PORT: String(port), DATA_DIR: folder };
    const ends = await Promise.all([
      startProcess(taken).ended,
      startProcess({ ...taken, DATABASE_URL: none.url }).ended,
      startProcess({ ...taken, DATABASE_URL: `mysql://nobody@127.0.0.1:${await freePort()}/crm` }).ended,
    ]);
    other.close();
    for (const { code, stdout, stderr } of ends) {
      expect([code, stdout]).toEqual([69, '']);
      expect(stderr).toMatch(/^HOST and PORT: .* which another program uses\n$/);
    }
    expect(existsSync(folder)).toBe(false);
    await expect(withConnection(none.url, () => Promise.resolve())).rejects.toThrow(/Unknown database/);
  });

  test('does not reserve its address until it listens, and says so if another program takes it meanwhile', async () => {
    const port = await freePort();
    const lock = await lockTable(database.url, '_prisma_migrations');
    const gateway = startProcess({ ...settings, PORT: String(port) });
    await lock.waiting(1);
    const other = createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    await lock.release();
    const end = await gateway.ended;
    other.close();
    expect([end.code, end.stdout]).toEqual([69, '']);
    expect(end.stderr).toMatch(/^HOST and PORT: .* which another program uses\n$/);
  });

  test('says which key for cursors it cannot use, in one line, with exit code 1', async () => {
    const other = await createDatabase();
    await withConnection(other.url, (sql) =>
      sql.query("INSERT INTO gateway_keys (name, value) VALUES ('cursors', 'short')"),
    );
    const { code, stderr } = await startProcess({ ...settings, DATABASE_URL: other.url }).ended;
    await other.drop();
    expect([code, stderr]).toEqual([
      1,
      'The table gateway_keys, row "cursors": expected a key of 64 bytes, got 5. ' +
        'Stop all gateways and delete the row: the next one to start makes a new key\n',
    ]);
  });

  test('serves even if Redis is unreachable', async () => {
    const gateway = startProcess({ ...settings, REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    expect(await ask(await gateway.address, '{ customers { totalCount } }')).toMatchObject({ data: {} });
    gateway.kill('SIGTERM');
    expect(await gateway.ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('npm start on a database out of reach', () => {
  test.each([
    ['nobody listens', /ECONNREFUSED|refused/],
    ['nobody listens, and a Redis of its own has no folder', /ECONNREFUSED|refused/],
    ['the host is unknown', /ENOTFOUND|EAI_AGAIN|unknown/],
    ['the password is wrong', /[Aa]ccess denied/],
    ['who listens says nothing', /timeout|no answer/i],
  ] as const)('says so in one line with exit code 69: %s', async (name, why) => {
    const started = unreachable.get(name);
    if (started === undefined) throw new Error(`${name}: nothing was started`);
    const { host } = started;
    const { result: end, tookMs } = await started.ended;
    expect([end.code, end.stdout]).toEqual([69, '']);
    expect(end.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(end.stderr).toContain(`The database crm on ${host.includes(':') ? host : `${host}:3306`} cannot be used`);
    expect(end.stderr).toMatch(why);
    expect(end.stderr).not.toMatch(/secret|\bat \S+:\d+/);
    assertTime(`giving up where ${name}`, tookMs, 20_000);
  });
});

describe('npm start without any setting but a folder of its own', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'concierge-start-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The servers that the gateway has started, from its pid files. */
  const servers = (): number[] =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.pid'))
      .map((name) => Number.parseInt(readFileSync(join(folder, name), 'utf8'), 10));
  async function untilGone(pids: readonly number[]): Promise<void> {
    await until(
      'every process to be gone',
      () => pids.filter(isRunning),
      (left) => left.length === 0,
    );
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
    expect(running).toHaveLength(2);

    const second = startProcess({ DATA_DIR: folder });
    const { result, tookMs } = await measured(async () => ask(await second.address, count));
    console.log(`npm start answered after ${Math.round(tookMs)} ms on kept data`);
    expect(result).toEqual({ data: { customers: { totalCount: 2_000 } } });
    assertTime('the first answer of npm start on kept data', tookMs, 10_000);
    expect(second.stdout()).not.toMatch(/Applied|Loaded|Creating/);

    // The folder is for one gateway at a time.
    const third = await startProcess({ DATA_DIR: folder }).ended;
    expect([third.code, third.stderr.trimEnd().split('\n').length]).toEqual([69, 1]);
    expect(third.stderr).toContain(`belong to process ${second.pid}`);

    const again = servers();
    second.kill('SIGTERM');
    expect(await second.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(again.filter(isRunning)).toEqual([]);
  });

  test('leaves no server behind when it is stopped while they start, by one signal or by two', async () => {
    for (const isTwice of [false, true]) {
      const gateway = startProcess({ DATA_DIR: folder });
      // With a server other than MariaDB: once it serves. If neither happens it ends, which the exit code shows.
      await untilAdded(
        { folder, name: 'mariadb.log' },
        (added) => added.includes('Completed initialization'),
        gateway.address.catch(() => undefined),
      );
      const running = servers().filter((pid) => pid > 0);
      gateway.kill('SIGINT');
      if (isTwice) {
        await pause(NO_ECHO_MS);
        gateway.kill('SIGINT');
      }
      const { code } = await gateway.ended;
      expect(code).not.toBe(1);
      await untilGone(running);
    }
  });

  test.each(['/dev/null/data', '/proc/none/data'])('says so when the folder cannot be created: %s', async (none) => {
    const gateway = startProcess({ DATA_DIR: none });
    const end = await orGiveUp('it to end', gateway.ended, gateway.stdout).finally(() => gateway.kill('SIGKILL'));
    expect([end.code, end.stdout]).toEqual([1, '']);
    expect(end.stderr).toMatch(/^The embedded servers need a writable folder, and \/\w+\/\w+\/data is not one .*\n$/);
  });

  test('warns if only Redis is embedded, reports LOCAL, and creates nothing where it cannot', async () => {
    const database = await createDatabase();
    const gateway = startProcess({ DATA_DIR: folder, DATABASE_URL: database.url, HOST: '::1' });
    const address = await gateway.address;
    expect(address).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(gateway.stdout()).toMatch(/^This gateway runs its own Redis\. .* REDIS_URL/m);
    const written = await ask(address, 'mutation { createCustomer(input: { name: "A" }) { customer { id } } }');
    const { id } = (written as { data: { createCustomer: { customer: { id: string } } } }).data.createCustomer.customer;
    const events = await subscribe(address, CHANGED, { variables: { id } });
    expect((await events.next()).data.extensions.stream.state).toBe('LOCAL');
    events.close();
    // While that one holds the folder, another one leaves a database of a different name alone.
    const typed = new URL(database.url);
    typed.pathname += '_typo';
    const second = await startProcess({ DATA_DIR: folder, DATABASE_URL: typed.href }).ended;
    expect([second.code, second.stdout]).toEqual([69, '']);
    expect(second.stderr).toBe(
      `Without REDIS_URL, the gateway needs a Redis of its own in ${folder}, which process ${gateway.pid} uses: ` +
        'set REDIS_URL, CACHE_ENABLED=false or another DATA_DIR\n',
    );
    gateway.kill('SIGTERM');
    expect((await gateway.ended).code).toBe(0);
    await database.drop();
  });
});
