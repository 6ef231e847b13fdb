import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { parseConfig } from '../../src/config.ts';
import { createArrivals } from '../../src/http/arrivals.ts';
import { createHttpServer, read, type Handler } from '../../src/http/server.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { startProcess } from '../cli/gateway-process.ts';
import { startGateway, type TestGateway, PATIENT } from '../support/gateway.ts';
import { orGiveUp, until, within } from '../support/patience.ts';
import { startOwnServers, withConnection, type OwnServers } from '../support/servers.ts';
import { lockTable } from './table-lock.ts';

const CUSTOMERS = '{ customers { totalCount } }';
const STOP_MS = 10_000;

let servers: OwnServers;
beforeAll(async () => {
  servers = await startOwnServers();
});
afterAll(() => servers.close());

let started = 0;
/** With a separate cache, so that every first request reaches the database. */
const start = (settings: Readonly<Record<string, string>> = {}) =>
  startGateway({
    databaseUrl: servers.database.url,
    redisUrl: servers.redis.url,
    settings: { CACHE_PREFIX: `${(started += 1)}:`, ...settings },
  });

describe('a gateway that is told to stop', () => {
  interface Wire {
    readonly socket: Socket;
    readonly send: (text: string) => void;
    /** Everything received, once the other side has closed the connection. */
    readonly ended: Promise<string>;
  }

  async function open(gateway: Pick<TestGateway, 'url'>): Promise<Wire> {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    await orGiveUp('a connection to the gateway', once(socket, 'connect'));
    let text = '';
    socket.on('data', (data: Buffer) => (text += data.toString()));
    const ended = new Promise<string>((resolve) => {
      socket.once('close', () => resolve(text));
      socket.once('error', () => resolve(text));
    });
    return {
      socket,
      send: (part) => void socket.write(part),
      ended: orGiveUp('a connection to end', ended, () => text),
    };
  }

  const post = (query: string) => {
    const body = JSON.stringify({ query });
    return `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  };

  /** Waits until everything sent before was accepted: connections are accepted and read in order. */
  async function takenUntilHere(of: Pick<TestGateway, 'url'>, path: string): Promise<void> {
    for (let round = 0; round < 2; round += 1) {
      const wire = await open(of);
      wire.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      expect(await wire.ended).toMatch(/^HTTP\/1\.1 200/);
    }
  }

  /** Waits until a gateway has left nothing behind in its servers, once they notice that connections were closed. */
  async function untilNothingIsLeft(): Promise<void> {
    await until('connections to be closed', openInServers, (left) => left.length === 0);
  }

  async function openInServers(): Promise<readonly unknown[]> {
    const redis = new Redis(servers.redis.url);
    const clients = String(await redis.client('LIST'))
      .trim()
      .split('\n');
    redis.disconnect();
    const connections = await withConnection(servers.database.url, (connection) =>
      connection.query<{ info: string }[]>(
        "SELECT id, info FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND command <> 'Daemon' AND user <> 'system user'",
      ),
    );
    return [...clients.slice(1), ...connections];
  }

  test('finishes requests whose bytes had begun to arrive, refuses new connections, and leaves nothing open', async () => {
    const gateway = await start(PATIENT);
    const lock = await lockTable(servers.database.url, 'customers');
    const inFlight = [await open(gateway), await open(gateway)];
    // Different, since equal ones would be executed once.
    for (const [i, wire] of inFlight.entries()) wire.send(post(`query Q${i} ${CUSTOMERS}`));
    await lock.waiting(2);
    const idle = await open(gateway);
    idle.send('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await orGiveUp('the answer on a connection that then is idle', once(idle.socket, 'data'));
    const silent = await open(gateway);
    // Half a request on each when the gateway is told to stop.
    const [late, ready] = [await open(gateway), await open(gateway)];
    late.send('POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n');
    ready.send('GET /health/ready HTTP/1.1\r\n');
    await takenUntilHere(gateway, '/health/live');

    // Nothing waits for the end of the allowed time.
    await within(STOP_MS / 2, 'the stop', async () => {
      const stopped = gateway.close();
      expect(await silent.ended).toBe('');
      expect((await idle.ended).match(/HTTP\/1\.1 200/g)).toHaveLength(1);
      await expect(fetch(`${gateway.url}/health/live`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
      late.send('Content-Length: 24\r\n\r\n{"query":"{__typename}"}');
      const answer = await late.ended;
      expect(answer).toMatch(/^HTTP\/1\.1 200 .*\r\nconnection: close\r\n/is);
      expect(answer).toContain('{"data":{"__typename":"Query"}}');
      ready.send('Host: localhost\r\n\r\n');
      const health = await ready.ended;
      expect(health).toMatch(/^HTTP\/1\.1 503 .*\r\nconnection: close\r\n/is);
      expect(health).toMatch(/\{"status":"stopping","dependencies":\{"database":"(up|down)","redis":"(up|down)"\}\}/);

      await lock.release();
      for (const wire of inFlight) {
        const whole = await wire.ended;
        expect(whole).toMatch(/^HTTP\/1\.1 200 .*\r\nconnection: close\r\n/is);
        expect(whole).toContain('{"data":{"customers":{"totalCount":0}}}');
      }
      await stopped;
    });
    await untilNothingIsLeft();
  });

  test('answers a request that does not finish when its time is up, and ends its statement', async () => {
    const gateway = await start({ ...PATIENT, LIMIT_REQUEST_MS: '2000' });
    const lock = await lockTable(servers.database.url, 'customers');
    const wire = await open(gateway);
    wire.send(post(CUSTOMERS));
    await lock.waiting(1);
    await within(STOP_MS, 'the stop', () => gateway.close());
    expect(await wire.ended).toContain('TIMEOUT');
    await until(
      'the statement to be stopped',
      () => lock.statements(),
      (count) => count === 0,
    );
    await lock.release();
    await untilNothingIsLeft();
  });

  const { limits } = parseConfig({});
  const serverOf = (path: string, handle: Handler) =>
    createHttpServer({
      routes: { [path]: read(handle) },
      limits,
      arrivals: createArrivals(limits.bufferBytes),
      log: createLog({ level: 'silent', readable: false, destination: new PassThrough() }),
      metrics: createMetrics(),
    });

  test('responds to each request that was sent before, even if it had not been read yet', async () => {
    const server = serverOf('/', (_, response) => void response.writeHead(200).end('whole'));
    const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
    // Twenty that the server has accepted, and twenty that it may not have.
    const kept = await Promise.all(Array.from({ length: 20 }, () => open({ url })));
    await takenUntilHere({ url }, '/');
    const wires = [...kept, ...(await Promise.all(Array.from({ length: 20 }, () => open({ url }))))];
    for (const wire of wires) wire.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await server.stop({ drainMs: 0, withinMs: STOP_MS });
    const answers = await Promise.all(wires.map(({ ended }) => ended));
    expect(
      answers.filter((answer) => /^HTTP\/1\.1 200 .*\r\nconnection: close\r\n.*whole/is.test(answer)),
    ).toHaveLength(40);
  });

  test('sends a response that has ended, and that its client has not read yet, to its end', async () => {
    const whole = Buffer.alloc(16_000_000, 'x');
    let hasEnded = false;
    const server = serverOf('/large', (_, response) => {
      response.writeHead(200, { 'content-length': whole.length }).end(whole);
      hasEnded = true;
    });
    const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
    const [wire, idle] = [await open({ url }), await open({ url })];
    wire.socket.pause();
    wire.send('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until('the response to end', () => hasEnded);
    const stopped = server.stop({ drainMs: 0, withinMs: 600_000, onRefusing: () => undefined });
    // Nobody else waits for it.
    expect(await idle.ended).toBe('');
    wire.socket.resume();
    expect((await wire.ended).endsWith(whole.toString())).toBe(true);
    await stopped;
  });

  test('closes a connection whose response had begun once the response is complete', async () => {
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const server = serverOf('/slow', async (_, response) => {
      response.writeHead(200).write('half ');
      await gate;
      response.end('whole');
    });
    const wire = await open({ url: `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}` });
    wire.send('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await orGiveUp('the first half of the answer', once(wire.socket, 'data'));
    await within(STOP_MS / 2, 'the stop', async () => {
      const closed = server.stop({ drainMs: 0, withinMs: STOP_MS });
      goOn();
      expect(await wire.ended).toContain('whole');
      await closed;
    });
  });

  test('exits when the time of its requests is up, even if its database hangs', async () => {
    const settings = {
      DATABASE_URL: servers.database.url,
      CACHE_ENABLED: 'false',
      ...PATIENT,
      LIMIT_REQUEST_MS: '5000',
    };
    const gateway = startProcess(settings);
    const address = await gateway.address;
    servers.database.pause();
    const asked = fetch(`${address}/graphql?query=${encodeURIComponent(CUSTOMERS)}`).catch(() => undefined);
    try {
      // The request itself, and the one for the metrics.
      await until(
        'the request to be under way',
        async () => /^concierge_http_requests_in_flight (\d+)$/m.exec(await (await fetch(`${address}/metrics`)).text()),
        (found) => found?.[1] === '2',
      );
      const end = await within(STOP_MS, 'the stop', () => {
        gateway.kill('SIGTERM');
        return orGiveUp('the process to end', gateway.ended);
      });
      expect([end.code, end.signal, end.stderr]).toEqual([0, null, '']);
    } finally {
      servers.database.resume();
    }
    await asked;
  });

  test('goes on as usual while its load balancer has not noticed, and tells clients to use another connection', async () => {
    const settings = { DATABASE_URL: servers.database.url, SHUTDOWN_DRAIN_MS: '600000', ...PATIENT };
    const gateway = startProcess(settings);
    try {
      const url = await gateway.address;
      const before = await open({ url });
      before.send('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await orGiveUp('a response', once(before.socket, 'data'));
      gateway.kill('SIGTERM');
      const ready = await until(
        'the gateway to say that it stops',
        async () => {
          const response = await fetch(`${url}/health/ready`);
          return { status: response.status, text: await response.text() };
        },
        ({ status }) => status === 503,
      );
      expect(ready.text).toContain('"status":"stopping"');
      expect((await fetch(`${url}/health/live`)).status).toBe(200);
      // On a new connection, and on one from before.
      const after = await open({ url });
      for (const wire of [before, after]) {
        wire.send(post(CUSTOMERS));
        expect(await wire.ended).toMatch(/HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)*connection: close\r\n.*"totalCount":0/s);
      }
    } finally {
      gateway.kill('SIGKILL');
      await gateway.ended;
    }
  });

  test('stops once, however often it is told to', async () => {
    const gateway = await start();
    await Promise.all([gateway.close(), gateway.close()]);
    await gateway.close();
    await untilNothingIsLeft();
  });
});
