import type { Socket } from 'node:net';
import { afterEach, expect, jest, test } from '@jest/globals';
import { HttpError } from '../../src/http/http-error.ts';
import type { Handler } from '../../src/http/server.ts';
import { TURNS } from '../../src/turns.ts';
import { startSmallServer, type SmallServer } from '../http/small-server.ts';
import { until } from '../support/patience.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import { startSmallHeapGateway, type SmallHeapGateway } from './small-heap-gateway.ts';

const HEADERS =
  'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
/** Each is an object of hundreds of bytes once it is parsed. */
const chunks = (count: number): string => '1\r\n \r\n'.repeat(count);
const REQUEST = { query: '{ customers { totalCount } }' };

let gateway: SmallHeapGateway | undefined;
let served: SmallServer | undefined;
let clients: RawClient[] = [];
afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  clients = [];
  await gateway?.close();
  await served?.close();
  [gateway, served] = [undefined, undefined];
});
const open = async (port: number): Promise<RawClient> => {
  const client = await connectRaw(port);
  clients.push(client);
  return client;
};

test('nothing is left of bodies in tens of thousands of tiny chunks', async () => {
  gateway = await startSmallHeapGateway(128);
  for (let i = 0; i < 100; i += 1) {
    const { socket, closed } = await open(gateway.port);
    socket.write(`${HEADERS}${chunks(20_000)}0\r\n\r\n`);
    expect(await closed).toBe('');
  }
  expect(await gateway.send(REQUEST)).toEqual({ status: 200, codes: [] });
  await until('all requests to be done', () => gateway?.metric('concierge_http_requests_in_flight'), isOwnAlone);
});

test('bodies of tiny chunks that do not arrive completely take no more memory than allowed', async () => {
  gateway = await startSmallHeapGateway(128, { settings: { LIMIT_BUFFER_BYTES: String(16 * 1024 * 1024) } });
  // Together, they would take about 230 MB.
  for (let i = 0; i < 1_000; i += 1) (await open(gateway.port)).socket.write(`${HEADERS}${chunks(990)}`);
  const refused = () => clients.filter((client) => client.received().startsWith('HTTP/1.1 503')).length;
  await until('those beyond to be refused', refused, (count) => count >= 900);
  expect(await gateway.send(REQUEST)).toEqual({ status: 200, codes: [] });
});

test.each(['Content-Length: 30000', 'Transfer-Encoding: chunked'])(
  'a body (%s) is parsed when somebody reads it, and not before',
  async (header) => {
    const isChunked = header.startsWith('Transfer');
    let read: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (read = resolve));
    let keptBytes: (() => number) | undefined;
    const handle: Handler = async (request, response) => {
      keptBytes = () => request.readableLength;
      await asked;
      let bytes = 0;
      request.on('data', (chunk: Buffer) => (bytes += chunk.length));
      request.once('end', () => response.end(`<${bytes}>`));
    };
    served = await startSmallServer({ routes: { '/': { methods: ['POST'], handle } } });
    const client = await open(served.port);
    const start = isChunked ? chunks(29_999) : ' '.repeat(29_999);
    client.socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n${start}`);
    await until('the request to begin', () => keptBytes !== undefined);
    // Another one has been answered, so that whatever had arrived was handled.
    expect((await fetch(`${served.url}/nothing`)).status).toBe(404);
    expect(keptBytes?.()).toBe(0);
    read();
    client.socket.write(isChunked ? `${chunks(1)}0\r\n\r\n` : ' ');
    await until('the response', () => client.received().includes('<30000>'));
  },
);

test('a body that is refused is read a little at a time, and others have their turns meanwhile', async () => {
  const bytes = 8_000_000;
  let socket: Socket | undefined;
  const handle: Handler = (request) => {
    socket = request.socket;
    throw new HttpError(413, 'too large', { connection: 'close' });
  };
  served = await startSmallServer({ routes: { '/': { methods: ['POST'], handle } } });
  const client = await open(served.port);
  client.socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${bytes}\r\n\r\n`);
  await until('the refusal', () => client.received().includes('too large'));
  const isRead = (): boolean => (socket?.bytesRead ?? 0) >= bytes;
  const another = (): void => {
    if (!isRead()) TURNS.later('another client', another);
  };
  let rounds = 0;
  const round = (): void => {
    rounds += 1;
    if (!isRead()) setImmediate(round);
  };
  another();
  round();
  client.socket.end(Buffer.alloc(bytes));
  await client.closed;
  await until('everything to be read', isRead);
  // What Node reads at once, and as much again until it notices that it should not.
  expect(rounds).toBeGreaterThanOrEqual(Math.floor(bytes / (2 * 65_536)));
});

test('tiny chunks that nobody reads are parsed some kilobytes in each turn of the event loop', async () => {
  served = await startSmallServer({ routes: {} });
  const client = await open(served.port);
  // As if they took so long.
  const look = jest.spyOn(TURNS, 'look').mockReturnValue(true);
  let [rounds, isOver] = [0, false];
  try {
    client.socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
    const text = `${chunks(100_000)}0\r\n\r\n`;
    const round = (): void => {
      rounds += 1;
      if (!isOver) setImmediate(round);
    };
    round();
    client.socket.end(text);
    await client.closed;
    expect(client.received()).toMatch(/^HTTP\/1\.1 404 /);
    // Each time more than 8 KiB, in parts of 2 KiB.
    expect(rounds).toBeGreaterThanOrEqual(Math.floor(text.length / 10_240));
  } finally {
    isOver = true;
    look.mockRestore();
  }
});

/** The request for the metrics itself. */
const isOwnAlone = (inFlight: number | undefined): boolean => inFlight === 1;
