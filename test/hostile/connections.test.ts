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
const open = async (): Promise<RawClient> => {
  const client = await connectRaw(served.port);
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
      limits: { bufferBytes: 60 * MB },
    });
    const modest = await open();
    modest.socket.pause().write(GET('/small'));
    const greedy = await open();
    greedy.socket.pause().write(GET('/large').repeat(5));
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

describe('a request that does not arrive', () => {
  test.each([
    ['headers', 'GET /ok HTTP/1.1\r\nHost: he'],
    ['a body', 'POST /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab'],
  ])('is refused with 408 when its time is over: %s', async (_, part) => {
    const handle: Handler = (request) => void request.resume();
    served = await startSmallServer({
      routes: { '/ok': { methods: ['GET', 'POST'], handle } },
      limits: { receiveMs: 200 },
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

  test('and of which nothing has arrived, its connection is closed without a word', async () => {
    served = await startSmallServer({ routes: { '/ok': read(ok) }, limits: { receiveMs: 200 } });
    const client = await open();
    expect(await client.closed).toBe('');
  });
});
