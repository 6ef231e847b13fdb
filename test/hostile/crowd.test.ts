import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT } from '../support/gateway.ts';
import { orGiveUp, until } from '../support/patience.ts';
import { createSoak } from '../support/soak.ts';
import { startSmallHeapGateway, type SmallHeapGateway } from './small-heap-gateway.ts';

const { isSoak, report } = createSoak('crowd');
/** As many as a gateway takes by default, but for a few; fewer in the suite, which is to be quick. */
const CONNECTIONS = isSoak ? 9_500 : 600;
const AT_ONCE = 100;
/** They are on ten machines. */
const MACHINES = 10;
const HEAP_MEGABYTES = 256;

const HOST = 'HTTP/1.1\r\nHost: localhost\r\n';
const POST = `POST /graphql ${HOST}Content-Type: application/json\r\n`;
const HEADERS = Array.from({ length: 95 }, (_, i) => `a${i}: b\r\n`).join('');
/** As many as a request may have. */
const LARGE_HEADERS = Array.from({ length: 94 }, (_, i) => `a${i}: ${'b'.repeat(155)}\r\n`).join('');
const SUBSCRIPTION = `subscription { customerChanged(id: "${Buffer.from('Customer:1').toString('base64url')}") { name } }`;
const LIST = '{ customers(first: 100) { nodes { id name email phone company tags createdAt updatedAt } } }';
const TOTAL = { query: '{ customers { totalCount } }' };

let gateway: SmallHeapGateway;
let sockets: Socket[] = [];
beforeAll(async () => {
  const fill = (databaseUrl: string) => seedDatabase({ databaseUrl, customers: 1, ordersPerCustomer: 0, seed: 1 });
  gateway = await startSmallHeapGateway(HEAP_MEGABYTES, {
    settings: PATIENT,
    fill: async (url) => void (await fill(url)),
  });
});
afterAll(() => gateway.close());
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await until('the connections to be closed', () => gateway.metric('concierge_http_connections'), isFew);
});
const isFew = (connections: number): boolean => connections < AT_ONCE;

async function open(number: number, text: string): Promise<void> {
  const socket = connect({
    port: gateway.port,
    host: '127.0.0.1',
    localAddress: `127.0.1.${1 + (number % MACHINES)}`,
  });
  socket.on('error', () => socket.destroy());
  sockets.push(socket);
  await orGiveUp('a connection', once(socket, 'connect'));
  // Nothing of a response is read.
  socket.pause().write(text);
}

test.each([
  ['that send nothing', ''],
  ['whose requests were answered', `GET /health/live ${HOST}\r\n`],
  ['whose large requests were answered', `GET /health/live ${HOST}${LARGE_HEADERS}\r\n`],
  ['with large headers and no body', `${POST}${LARGE_HEADERS}Content-Length: 100\r\n\r\n{`],
  ['with large headers and no body, for another path', `PUT / ${HOST}${LARGE_HEADERS}Content-Length: 100\r\n\r\n{`],
  [
    'with large requests behind a response that does not end',
    `GET /graphql?query=${encodeURIComponent(SUBSCRIPTION)} ${HOST}Accept: text/event-stream\r\n\r\n${`GET /health/live ${HOST}${LARGE_HEADERS}\r\n`.repeat(9)}`,
  ],
  ['with headers that do not end', `GET / ${HOST}${HEADERS}`],
  ['with bodies that do not end', `${POST}Content-Length: 200000\r\n\r\n${' '.repeat(20_000)}`],
  ['with tiny chunks that do not end', `${POST}Transfer-Encoding: chunked\r\n\r\n${'1\r\n \r\n'.repeat(900)}`],
  ['that read no responses', `GET /graphql?query=${encodeURIComponent(LIST)} ${HOST}\r\n`.repeat(5)],
  ['that read no pages', `GET /graphql ${HOST}Accept: text/html\r\n\r\n`.repeat(20)],
])('thousands of connections %s leave room for others', async (kind, text) => {
  for (let count = 0; count < CONNECTIONS; count += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => open(count + i, text)));
    expect(await gateway.send(TOTAL)).toEqual({ status: 200, codes: [] });
  }
  const megabytes = async (metric: string): Promise<string> =>
    `${Math.round((await gateway.metric(metric)) / 1024 / 1024)} MB`;
  report(
    `${CONNECTIONS} connections ${kind}: heap ${await megabytes('nodejs_heap_size_used_bytes')}, ` +
      `whole process ${await megabytes('process_resident_memory_bytes')}, ` +
      `still open ${await gateway.metric('concierge_http_connections')}`,
  );
});
