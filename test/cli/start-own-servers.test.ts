import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { isRunning } from '../support/is-running.ts';
import { until } from '../support/patience.ts';
import { PATIENT } from '../support/gateway.ts';
import { startProcess, type GatewayProcess } from './gateway-process.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'concierge-own-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const serverPid = (name: string): number => Number.parseInt(readFileSync(join(folder, `${name}.pid`), 'utf8'), 10);
const untilGone = (pids: readonly number[]) =>
  until(
    'every server to be gone',
    () => pids.filter(isRunning),
    (left) => left.length === 0,
  );

/** The status that a gateway gives for itself and for its Redis. */
async function readiness(address: string): Promise<string> {
  const response = await fetch(`${address}/health/ready`);
  const { status, dependencies } = (await response.json()) as { status: string; dependencies: { redis: string } };
  return `${response.status} ${status}, Redis ${dependencies.redis}`;
}
const untilReadiness = (address: string, wanted: string) =>
  until(
    `the readiness ${wanted}`,
    () => readiness(address),
    (now) => now === wanted,
  );

/** What these tests ask for. */
interface Shown {
  readonly customer?: { readonly name: string };
  readonly createCustomer?: { readonly customer: { readonly id: string } };
}

async function ask(address: string, query: string): Promise<{ readonly data: Shown; readonly cache: string | null }> {
  const response = await fetch(`${address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const { data } = (await response.json()) as { data: Shown };
  return { data, cache: response.headers.get('x-cache') };
}

/** Listens on the port of a server that was just killed, before it is started again, and closes every connection. */
async function tryToTake(port: number): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  return Promise.race([
    once(server, 'listening').then(() => server),
    once(server, 'error').then(() => undefined),
  ]).catch(() => undefined);
}

describe('npm start on servers of its own', () => {
  let gateway: GatewayProcess;
  let address: string;
  beforeEach(async () => {
    gateway = startProcess({ DATA_DIR: folder, ...PATIENT });
    address = await gateway.address;
  });
  afterEach(() => gateway.kill('SIGKILL'));

  const logged = (words: RegExp): string[] =>
    gateway
      .stdout()
      .split('\n')
      .filter((line) => words.test(line));

  test('keeps serving when its Redis is killed, restarts it on its port, and never serves stale responses', async () => {
    const first = serverPid('redis');
    const port = Number(
      /REDIS_URL=redis:\/\/127\.0\.0\.1:(\d+)/.exec(readFileSync(join(folder, 'lock.json'), 'utf8'))?.[1],
    );
    const created = await ask(address, 'mutation { createCustomer(input: { name: "A" }) { customer { id } } }');
    const id = created.data.createCustomer?.customer.id;
    const nameOf = async () => {
      const { data, cache } = await ask(address, `{ customer(by: { id: "${id}" }) { name } }`);
      return `${data.customer?.name} ${cache}`;
    };
    expect([await nameOf(), await nameOf()]).toEqual(['A MISS', 'A HIT']);

    // Another process has the port, so that Redis stays down for a while.
    const taken = await until('the port of Redis to be taken', () => {
      const pid = serverPid('redis');
      if (pid > 0 && isRunning(pid)) process.kill(pid, 'SIGKILL');
      return tryToTake(port);
    });
    await untilReadiness(address, '200 degraded, Redis down');
    // Until its lease has ended, a gateway may answer from its memory.
    await until('an answer without cache', nameOf, (shown) => shown === 'A BYPASS');
    await ask(address, `mutation { updateCustomer(input: { id: "${id}", name: "B" }) { userErrors { code } } }`);
    expect(await nameOf()).toBe('B BYPASS');
    await until('a start to fail', () => logged(/could not be started again/).length > 0);
    taken?.close();

    await untilReadiness(address, '200 ok, Redis up');
    await until('an answer from the cache', nameOf, (shown) => shown === 'B HIT');
    expect(logged(/embedded redis server \(process \d+\) was ended by SIGKILL.* its log is .*redis\.log/)).not.toEqual(
      [],
    );
    expect(logged(new RegExp(`process ${first}\\) was ended`))).toHaveLength(1);
    expect(logged(new RegExp(`was started again \\(process ${serverPid('redis')}\\)`))).toHaveLength(1);
    expect(serverPid('redis')).not.toBe(first);

    const servers = [serverPid('redis'), serverPid(databaseName())];
    gateway.kill('SIGTERM');
    expect(await gateway.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    await untilGone(servers);
  });

  test('stops while Redis is being started again, and leaves nothing behind', async () => {
    const redis = serverPid('redis');
    process.kill(redis, 'SIGKILL');
    await until('its end to be logged', () => logged(new RegExp(`process ${redis}\\) was ended`)).length > 0);
    gateway.kill('SIGTERM');
    expect(await gateway.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(['redis.pid', 'lock.json'].filter((name) => existsSync(join(folder, name)))).toEqual([]);
  });

  test('ends with 69 when its database is killed, and names the log', async () => {
    const [redis, name] = [serverPid('redis'), databaseName()];
    const database = serverPid(name);
    process.kill(database, 'SIGKILL');
    const { code, stderr } = await gateway.ended;
    expect([code, stderr]).toEqual([
      69,
      `The embedded database server (process ${database}) was ended by SIGKILL; its log is ${join(folder, `${name}.log`)}\n`,
    ]);
    await untilGone([redis, database]);
  });
});

/** The kind of server, after which its files are named. */
const databaseName = (): string => (existsSync(join(folder, 'mariadb.pid')) ? 'mariadb' : 'mysql');
