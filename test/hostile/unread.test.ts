import { afterEach, describe, expect, test } from '@jest/globals';
import { read, type Handler } from '../../src/http/server.ts';
import { until } from '../support/patience.ts';
import { startSmallServer, type SmallServer } from '../http/small-server.ts';
import { connectRaw, type RawClient } from './raw-client.ts';

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const CONNECT = 'CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n';
const MB = 1024 * 1024;
const CUT = 'concierge_http_connections_cut_total';

const ok: Handler = (_, response) => void response.end('ok');
const large = (bytes: number): Handler => {
  const body = Buffer.alloc(bytes, 'x');
  return (_, response) => void response.writeHead(200, { 'content-length': bytes }).end(body);
};
/** More than the systems of both ends keep, so that what a client does not read is kept by the server. */
const ROUTES = { '/ok': read(ok), '/large': read(large(16 * MB)), '/larger': read(large(25 * MB)) };

let served: SmallServer;
const clients: RawClient[] = [];
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await served.close();
});
const open = async (from?: string): Promise<RawClient> => {
  const client = await connectRaw(served.port, from);
  clients.push(client);
  return client;
};
/** A client that reads nothing. */
const openDeaf = async (requests: string, from?: string): Promise<RawClient> => {
  const client = await open(from);
  client.socket.pause().write(requests);
  return client;
};
const untilCut = (reason: string, expected = 1) =>
  until(
    'connections to be closed',
    () => served.count(CUT, reason),
    (count) => count >= expected,
  );
const untilInFlight = (expected: number) =>
  until(
    'requests to begin',
    () => served.count('concierge_http_requests_in_flight'),
    (count) => count === expected,
  );

describe('a client that does not read is disconnected', () => {
  test('though it goes on sending', async () => {
    served = await startSmallServer({ routes: ROUTES, limits: { stallMs: 1_000 } });
    const { socket } = await openDeaf(GET('/large'));
    socket.on('error', () => undefined);
    await until('the connection to be closed', () => {
      // Empty lines may precede a request.
      if (socket.writable) socket.write('\r\n');
      return served.count(CUT, 'stalled');
    });
  });

  test('though it asks for a tunnel meanwhile', async () => {
    served = await startSmallServer({ routes: ROUTES, limits: { stallMs: 1_000 } });
    await openDeaf(GET('/large') + CONNECT);
    await untilCut('stalled');
  });

  test('when the server stops, though it asks for a tunnel meanwhile', async () => {
    served = await startSmallServer({ routes: ROUTES });
    const { socket } = await openDeaf(GET('/large') + CONNECT);
    await untilInFlight(1);
    await served.close();
    socket.resume();
    await until('the connection to be closed', () => socket.closed || socket.readableEnded);
  });
});

test('a client that asks for a tunnel and resets its connection disturbs nobody', async () => {
  served = await startSmallServer({ routes: ROUTES });
  const client = await open();
  client.socket.write(CONNECT);
  await until('its refusal', () => client.received().includes('This is not a proxy.'));
  client.socket.resetAndDestroy();
  await until(
    'the connection to be closed',
    () => served.count('concierge_http_connections'),
    (count) => count === 0,
  );
});

test('connections whose clients do not read make room, and idle ones of other networks are kept', async () => {
  served = await startSmallServer({ routes: ROUTES, limits: { connections: 4, bufferBytes: 1_000 * MB } });
  for (let i = 0; i < 4; i += 1) await openDeaf(GET('/large'), '127.0.0.2');
  await untilInFlight(4);
  const answered = async (client: RawClient): Promise<boolean> => {
    const before = client.received().length;
    client.socket.on('error', () => undefined).write(GET('/ok'));
    await until('a response, or the end', () => client.received().length > before || client.socket.readableEnded);
    return client.received().length > before;
  };
  // While it may still be that the others read, new ones are closed.
  let modest = await open('127.0.0.3');
  while (!(await answered(modest))) modest = await open('127.0.0.3');
  expect(await served.count(CUT, 'unread')).toBe(1);
  expect(await answered(await open('127.0.0.4'))).toBe(true);
  expect(await served.count(CUT, 'unread')).toBe(2);
  expect(await answered(modest)).toBe(true);
});

test('of several networks, the one whose clients leave most unread loses connections', async () => {
  served = await startSmallServer({ routes: ROUTES, limits: { bufferBytes: 50 * MB } });
  const modest = await openDeaf(GET('/larger'));
  await untilInFlight(1);
  for (let i = 0; i < 4; i += 1) await openDeaf(GET('/large'), '127.0.0.2');
  await untilCut('memory', 2);
  modest.socket.resume();
  await until('its whole response', () => modest.socket.bytesRead > 25 * MB);
});
