import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test } from '@jest/globals';
import { read, type Handler } from '../../src/http/server.ts';
import { startSmallServer, type SmallServer } from '../http/small-server.ts';
import { until } from '../support/patience.ts';
import { connectRaw, type RawClient } from './raw-client.ts';

const HOST = 'HTTP/1.1\r\nHost: localhost\r\n';
/** Fifteen kilobytes. */
const HEADERS = Array.from({ length: 94 }, (_, i) => `a${i}: ${'b'.repeat(155)}\r\n`).join('');
/** Room for the headers of about thirteen such requests. */
const LIMITS = { bufferBytes: 1_000_000 };

let served: SmallServer | undefined;
let clients: RawClient[] = [];
afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  clients = [];
  await served?.close();
  served = undefined;
});

/** Opens connections, and sends this on each. */
async function send(text: string, connections: number): Promise<void> {
  for (let i = 0; i < connections; i += 1) {
    const client = await connectRaw(served?.port ?? 0);
    clients.push(client);
    client.socket.on('error', () => undefined).write(text);
  }
}
const count = (metric: string, label?: string) => served?.count(metric, label);

const answer: Handler = (_, response) => void response.end('ok');
const never: Handler = () => undefined;

test.each(['POST /', 'POST /elsewhere'])(
  'requests (%s) whose bodies do not come take no more than allowed',
  async (line) => {
    served = await startSmallServer({ routes: { '/': { methods: ['POST'], handle: never } }, limits: LIMITS });
    await send(`${line} ${HOST}${HEADERS}Content-Length: 100\r\n\r\n{`, 100);
    await until(
      'those that began first to be given up',
      () => clients.filter((client) => client.received().includes('HTTP/1.1 503')).length,
      (refused) => refused >= 80,
    );
  },
);

test('requests behind a response that is not complete take no more than allowed', async () => {
  const routes = { '/never': read(never), '/ok': read(answer) };
  served = await startSmallServer({ routes, limits: LIMITS });
  await send(`GET /never ${HOST}\r\n${`GET /ok ${HOST}${HEADERS}\r\n`.repeat(9)}`, 20);
  await until(
    'the connections with most of them to be closed',
    () => count('concierge_http_connections'),
    (open) => open === 1,
  );
  expect(await count('concierge_http_connections_cut_total', 'memory')).toBe(19);
  // What was counted for them is not counted any more.
  for (const { socket } of clients) socket.destroy();
  await until(
    'all connections to be closed',
    () => count('concierge_http_connections'),
    (open) => open === 0,
  );
  await send(`GET /ok ${HOST}${HEADERS}\r\n`.repeat(100), 3);
  await until(
    'all responses',
    () => clients.slice(20).map((client) => client.received().match(/200 OK/g)?.length),
    (counts) => counts.every((answered) => answered === 100),
  );
  expect(await count('concierge_http_connections_cut_total', 'memory')).toBe(19);
});

test('an idle connection keeps nothing of its last request', async () => {
  const requests: WeakRef<object>[] = [];
  const routes = {
    '/': read((request, response) => {
      requests.push(new WeakRef(request));
      response.end('ok');
    }),
  };
  served = await startSmallServer({ routes });
  await send(`GET / ${HOST}${HEADERS}\r\n`, 20);
  await until(
    'all responses',
    () => clients.filter((client) => client.received().includes('200 OK')).length,
    (answered) => answered === 20,
  );
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  await until(
    'the requests to be collected',
    () => {
      collect();
      return requests.filter((request) => request.deref() !== undefined).length;
    },
    // The compiler's registers may hold one.
    (kept) => kept <= 1,
  );
  expect(await count('concierge_http_connections')).toBe(20);
});

describe('while memory is short', () => {
  const start = async () => {
    let isShort = false;
    served = await startSmallServer({
      routes: { '/never': { methods: ['GET', 'POST'], handle: never }, '/ok': read(answer) },
      isMemoryShort: () => isShort,
    });
    return () => (isShort = true);
  };
  const cut = () => count('concierge_http_connections_cut_total', 'short');

  test('connections of the network with the most are closed until it has a hundred, but for those that are owed a response', async () => {
    const run = await start();
    await send(`GET /never ${HOST}\r\n`, 60);
    await send(`GET /ok ${HOST}\r\n`, 60);
    await send(`POST /never ${HOST}Content-Length: 10\r\n\r\n`, 60);
    run();
    await until(
      'connections to be closed',
      () => count('concierge_http_connections'),
      (open) => open === 100,
    );
    expect(await cut()).toBe(80);
    expect(clients.slice(0, 60).filter(({ socket }) => socket.readyState === 'open')).toHaveLength(60);
    expect(served?.logLines.filter((line) => line.includes('memory is short'))).toHaveLength(1);
  });
});
