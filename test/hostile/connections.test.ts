import { afterEach, describe, expect, test } from '@jest/globals';
import { read, type Handler } from '../../src/http/server.ts';
import { pause, until } from '../support/patience.ts';
import { statusesIn } from '../http/raw-socket.ts';
import { startSmallServer, type SmallServer } from '../http/small-server.ts';
import { connectRaw, type RawClient } from './raw-client.ts';

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const MB = 1024 * 1024;
const CUT = 'concierge_http_connections_cut_total';

const ok: Handler = (_, response) => void response.end('ok');
const large = (bytes: number): Handler => {
  const body = Buffer.alloc(bytes, 'x');
  return (_, response) => void response.writeHead(200, { 'content-length': bytes }).end(body);
};

let served: SmallServer;
const clients: RawClient[] = [];
const open = async (from?: string): Promise<RawClient> => {
  const client = await connectRaw(served.port, from);
  clients.push(client);
  return client;
};
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await served.close();
});

const isAnswered = async (): Promise<boolean> => (await fetch(`${served.url}/ok`)).ok;

describe('a client that does not read', () => {
  test('is disconnected when it has read nothing for the allowed time, and one that reads slowly is not', async () => {
    const body = 100 * MB;
    served = await startSmallServer({
      routes: { '/ok': read(ok), '/large': read(large(body)) },
      limits: { stallMs: 2_000, bufferBytes: 1_000 * MB },
    });
    const [deaf, slow] = [await open(), await open()];
    for (const { socket } of [deaf, slow]) socket.pause().write(GET('/large'));
    // Begins before the other one, and reads a little from time to time.
    while ((await served.count(CUT, 'stalled')) === 0) {
      slow.socket.once('data', () => slow.socket.pause()).resume();
      await pause(20);
    }
    slow.socket.resume();
    await until('the whole response', () => slow.socket.bytesRead > body);
    expect(await isAnswered()).toBe(true);
    expect(served.logLines.join('')).toContain('read nothing of its response');
  });

  test('is disconnected when what it has not read is the most, and others are not', async () => {
    served = await startSmallServer({
      routes: { '/ok': read(ok), '/large': read(large(16 * MB)), '/small': read(large(9 * MB)) },
      limits: { bufferBytes: 20 * MB },
    });
    const modest = await open();
    modest.socket.pause().write(GET('/small'));
    const greedy = await open();
    greedy.socket.pause().write(GET('/large'));
    await until(
      'the greedy one to be disconnected',
      () => served.count(CUT, 'memory'),
      (count) => count === 1,
    );
    modest.socket.resume();
    await until('the other one to get its whole response', () => modest.received().length > 9 * MB);
    expect(await isAnswered()).toBe(true);
  });
});

describe('when there are as many connections as allowed', () => {
  test('those that have been idle for longest make room for new ones', async () => {
    served = await startSmallServer({ routes: { '/ok': read(ok) }, limits: { connections: 5 } });
    const all: RawClient[] = [];
    for (let i = 0; i < 5; i += 1) all.push(await open());
    // The first one is used again, so the second has been idle for longest.
    all[0]?.socket.write(GET('/ok'));
    await until('its response', () => all[0]?.received());
    all.push(await open(), await open());
    await Promise.all([all[1]?.closed, all[2]?.closed]);
    for (const client of [all[0], all[3], all[4], all[5], all[6]]) client?.socket.write(GET('/ok'));
    for (const client of [all[3], all[4], all[5], all[6]]) await until('a response', () => client?.received());
    expect(await served.count(CUT, 'idle')).toBe(2);
    expect(served.logLines.filter((line) => line.includes('the longest idle ones are closed'))).toHaveLength(1);
    expect(await served.count('concierge_http_connections')).toBe(5);
  });

  test('those of the network with the most make room, and others that have been idle for longer are kept', async () => {
    served = await startSmallServer({ routes: { '/ok': read(ok) }, limits: { connections: 5 } });
    const modest = [await open(), await open()];
    const greedy: RawClient[] = [];
    for (let i = 0; i < 10; i += 1) greedy.push(await open('127.0.0.2'));
    for (const client of greedy.slice(0, 7)) expect(await client.closed).toBe('');
    for (const client of [...modest, ...greedy.slice(7)]) {
      client.socket.write(GET('/ok'));
      await until('a response', () => client.received().endsWith('ok'));
    }
  });

  test('and one network has requests on all of them that do not arrive, the first of these makes room', async () => {
    const body: Handler = (request, response) => void request.resume().on('end', () => response.end('whole'));
    served = await startSmallServer({
      routes: { '/ok': read(ok), '/body': { methods: ['POST'], handle: body } },
      limits: { connections: 3 },
    });
    const greedy = [await open('127.0.0.2'), await open('127.0.0.2'), await open('127.0.0.2')];
    for (const { socket } of greedy) {
      socket.write('POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\na');
      await until('its request to begin', () => served.count('concierge_http_requests_in_flight'));
    }
    await until(
      'all requests to begin',
      () => served.count('concierge_http_requests_in_flight'),
      (count) => count === 3,
    );
    const other = await open();
    other.socket.write(GET('/ok'));
    await until('a response', () => other.received().endsWith('ok'));
    expect(await greedy[0]?.closed).toBe('');
    for (const { socket } of greedy.slice(1)) socket.write('b');
    for (const client of greedy.slice(1)) await until('a response', () => client.received().endsWith('whole'));
    expect(await served.count(CUT, 'unfinished')).toBe(1);
  });

  test('and all of them wait for responses, a new one is closed, and the others are answered', async () => {
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    let begun = 0;
    const wait: Handler = async (_, response) => {
      begun += 1;
      await gate;
      response.end('late');
    };
    served = await startSmallServer({ routes: { '/wait': read(wait) }, limits: { connections: 2 } });
    const busy = [await open(), await open()];
    for (const { socket } of busy) socket.write(GET('/wait'));
    await until('both requests to begin', () => begun === 2);
    const refused = await open();
    expect(await refused.closed).toBe('');
    goOn();
    for (const client of busy) await until('a response', () => client.received().includes('late'));
    expect(await served.count(CUT, 'full')).toBe(1);
  });
});

describe('headers that do not arrive completely', () => {
  const part = `GET /ok HTTP/1.1\r\nHost: localhost\r\n${'a: b\r\n'.repeat(80)}`;

  test('are given up, the first of the network with the most, when all together take too much memory', async () => {
    // Each byte counts five times.
    const limits = { bufferBytes: part.length * 5 * 3.5 };
    served = await startSmallServer({ routes: { '/ok': read(ok) }, limits });
    const modest = await open();
    modest.socket.write(part);
    const greedy: RawClient[] = [];
    for (let i = 0; i < 4; i += 1) {
      const client = await open('127.0.0.2');
      client.socket.write(part);
      greedy.push(client);
    }
    for (const client of greedy.slice(0, 2)) {
      await until('a response', () => client.received().includes('"errors"'));
      client.socket.end();
      const text = await client.closed;
      expect(statusesIn({ text, closed: true })).toEqual([503]);
      expect(text).toContain('Expected the whole request sooner: others need the memory; try again.');
      expect(text).toMatch(/^retry-after: 1\r$/im);
    }
    for (const client of [modest, ...greedy.slice(2)]) {
      client.socket.write('\r\n');
      await until('a response', () => client.received().endsWith('ok'));
    }
  });

  test('count only until they do, and bodies that nobody reads do not count', async () => {
    const limits = { bufferBytes: part.length * 5 * 1.5 };
    const unread: Handler = (_, response) => void response.end('ok');
    served = await startSmallServer({ routes: { '/ok': { methods: ['GET', 'POST'], handle: unread } }, limits });
    for (let i = 0; i < 5; i += 1) {
      const client = await open();
      client.socket.write(part);
      client.socket.write(`\r\n${GET('/ok').repeat(3)}`);
      await until('four responses', () => client.received().split('ok').length === 5);
      client.socket.write(
        `POST /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(50_000)}`,
      );
      await until('the fifth', () => client.received().split('ok').length === 6);
      client.socket.write(`${'x'.repeat(50_000)}${GET('/ok')}`);
      await until('the sixth', () => client.received().split('ok').length === 7);
    }
  });

  test('and are more than 100 get 431, and none is dropped before', async () => {
    served = await startSmallServer({
      routes: { '/ok': read((request, response) => void response.end(`${request.rawHeaders.length / 2} headers`)) },
    });
    const client = await open();
    const withHeaders = (count: number) => `GET /ok HTTP/1.1\r\nHost: localhost\r\n${'a: b\r\n'.repeat(count - 1)}\r\n`;
    client.socket.write(withHeaders(100));
    await until('a response', () => client.received().endsWith('100 headers'));
    client.socket.end(withHeaders(101));
    const text = await client.closed;
    expect(statusesIn({ text, closed: true })).toEqual([200, 431]);
    expect(text).toContain('Expected at most 100 headers, got more.');
  });
});

describe('a client that sends more than is handled', () => {
  test('is disconnected when what it has sent is the most that is held', async () => {
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const wait: Handler = async (_, response) => {
      await gate;
      response.end('late');
    };
    served = await startSmallServer({
      routes: { '/ok': read(ok), '/wait': read(wait) },
      limits: { requestsPerConnection: 2, bufferBytes: 20_000 },
    });
    const [greedy, modest] = [await open(), await open()];
    modest.socket.write(GET('/wait').repeat(5));
    greedy.socket.write(GET('/wait').repeat(1_000));
    await greedy.closed;
    expect(await served.count(CUT, 'memory')).toBe(1);
    goOn();
    await until('five responses', () => modest.received().split('late').length === 6);
  });
});

describe('a request that does not arrive', () => {
  test.each([
    ['headers', 'GET /ok HTTP/1.1\r\nHost: he', 200],
    ['headers, which have ten seconds at most', 'GET /ok HTTP/1.1\r\nHost: he', 600_000],
    ['a body', 'POST /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab', 200],
  ])('is refused with 408 when its time is over: %s', async (_, part, receiveMs) => {
    const handle: Handler = (request) => void request.resume();
    served = await startSmallServer({
      routes: { '/ok': { methods: ['GET', 'POST'], handle } },
      limits: { receiveMs },
    });
    const client = await open();
    client.socket.write(part);
    await until('a response', () => client.received().includes('"errors"'));
    client.socket.end();
    const text = await client.closed;
    expect(statusesIn({ text, closed: true })).toEqual([408]);
    expect(text).toContain('Expected a whole request, got a part of it for too long.');
    expect(text).toMatch(/^connection: close\r$/im);
  });

  test('while an earlier one keeps it waiting is refused with 408 when it has had its time after that', async () => {
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const handle: Handler = async (request, response) => {
      if (request.method === 'POST') return void request.resume();
      await gate;
      return void response.end('ok');
    };
    served = await startSmallServer({
      routes: { '/ok': { methods: ['GET', 'POST'], handle } },
      limits: { receiveMs: 200, requestsPerConnection: 1 },
    });
    const client = await open();
    client.socket.write(`${GET('/ok')}POST /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab`);
    // In which Node gives up the second request.
    await pause(1_500);
    goOn();
    await until('a refusal', () => client.received().includes('"errors"'));
    client.socket.end();
    expect(statusesIn({ text: await client.closed, closed: true })).toEqual([200, 408]);
  });

  test('and of which nothing has arrived, its connection is closed without a word', async () => {
    served = await startSmallServer({ routes: { '/ok': read(ok) }, limits: { receiveMs: 200 } });
    const client = await open();
    expect(await client.closed).toBe('');
  });
});
