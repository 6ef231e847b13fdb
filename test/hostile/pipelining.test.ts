import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { read, type Handler, type Route } from '../../src/http/server.ts';
import { TURNS } from '../../src/turns.ts';
import { orGiveUp, until } from '../support/patience.ts';
import { statusesIn } from '../http/raw-socket.ts';
import { startSmallServer, type SmallServer } from '../http/small-server.ts';
import { connectRaw } from './raw-client.ts';

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const POST = (body: string): string =>
  `POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** Answers with the body of the request, once it has arrived and `open` was called. */
function echo(): {
  readonly route: Route;
  readonly begun: () => number;
  readonly atOnce: () => number;
  readonly open: () => void;
} {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let [begun, handled, most] = [0, 0, 0];
  const handle: Handler = async (request, response) => {
    begun += 1;
    most = Math.max(most, begun - handled);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    if (request.method === 'POST') await new Promise((resolve) => request.once('end', resolve));
    await opened;
    response.prependOnceListener('close', () => (handled += 1));
    response.end(request.method === 'POST' ? Buffer.concat(chunks) : `<${request.url}>`);
  };
  return { route: { methods: ['GET', 'POST'], handle }, begun: () => begun, atOnce: () => most, open };
}

let served: SmallServer | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

describe('a client that does not wait for responses', () => {
  test('has at most the allowed number of its requests handled at once, and gets all responses in order', async () => {
    const { route, begun, atOnce, open } = echo();
    served = await startSmallServer({ routes: { '/echo': route }, limits: { requestsPerConnection: 10 } });
    const client = await connectRaw(served.port);
    const paths = Array.from({ length: 2_000 }, (_, i) => `/echo?${i}`);
    client.socket.end(paths.map(GET).join(''));
    await until('ten requests to begin', begun, (count) => count === 10);
    open();
    const answers = [...(await client.closed).matchAll(/<([^>]*)>/g)].map(([, path]) => path);
    expect(answers).toEqual(paths);
    expect([begun(), atOnce()]).toEqual([2_000, 10]);
  });

  test('has only one more of its requests parsed than may be begun, whatever has arrived', async () => {
    const { route, begun, open } = echo();
    served = await startSmallServer({ routes: { '/echo': route }, limits: { requestsPerConnection: 3 } });
    const client = await connectRaw(served.port);
    client.socket.end(GET('/echo').repeat(1_500));
    await until('three requests to begin', begun, (count) => count === 3);
    expect(await served.count('concierge_http_requests_in_flight')).toBe(4);
    expect(await served.count('concierge_http_requests_queued_total')).toBe(1);
    open();
    // Besides interim responses.
    const statuses = statusesIn({ text: await client.closed, closed: true }).filter((status) => status !== 100);
    expect(statuses).toEqual(Array.from({ length: 1_500 }, () => 200));
  });

  test.each([
    ['without a body', '', ''],
    ['with a body', 'Content-Length: 3\r\n', 'abc'],
    ['with a body in chunks', 'Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'],
  ])('gets all responses when a request %s asks for another protocol, however it arrives', async (_, header, body) => {
    const { route, open } = echo();
    open();
    served = await startSmallServer({ routes: { '/echo': route } });
    const upgrading = `POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n${header}\r\n${body}`;
    const text = `${upgrading}${GET('/echo?b')}${upgrading}${POST('d')}${GET('/echo?e')}`;
    for (const bytes of [1, 3, 7, text.length]) {
      const client = await connectRaw(served.port);
      client.socket.setNoDelay(true);
      for (let i = 0; i < text.length; i += bytes) client.socket.write(text.slice(i, i + bytes));
      client.socket.end();
      const answers = (await client.closed).split(/HTTP\/1\.1 /).filter((answer) => answer.startsWith('200'));
      expect(answers).toHaveLength(5);
      expect(answers.at(-1)).toContain('</echo?e>');
    }
  });

  test('does not begin those that wait once it is gone, and the others notice', async () => {
    const { route, begun, open } = echo();
    served = await startSmallServer({ routes: { '/echo': route }, limits: { requestsPerConnection: 3 } });
    const client = await connectRaw(served.port);
    client.socket.write(Array.from({ length: 100 }, (_, i) => GET(`/echo?${i}`)).join(''));
    await until('three requests to begin', begun, (count) => count === 3);
    client.socket.resetAndDestroy();
    // Nothing is read while requests wait, so it is noticed when the first response is sent.
    open();
    await until(
      'all requests to be given up',
      () => served?.count('concierge_http_requests_in_flight'),
      (count) => count === 0,
    );
    expect(begun()).toBeLessThan(10);
  });
});

describe('what a client was owed is sent', () => {
  const bodies = Array.from({ length: 20 }, (_, i) => `body ${i}`);
  const answered = (text: string): readonly string[] => [...text.matchAll(/body \d+/g)].map(([body]) => body);

  test.each<[string, string]>([
    ['bytes that are not HTTP', 'nonsense\r\n\r\n'],
    ['a request whose headers are malformed', 'GET /echo HTTP/1.1\r\nHost here\r\n\r\n'],
    [
      'a body with a malformed chunk',
      'POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ],
    ['a length that is not a number', 'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1x\r\n\r\n'],
    ['both ways of giving a length', `${POST('').trimEnd()}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ])('in order before the 400 for %s', async (_, garbage) => {
    const { route, begun, open } = echo();
    served = await startSmallServer({ routes: { '/echo': route } });
    const client = await connectRaw(served.port);
    client.socket.write(bodies.map(POST).join('') + garbage + GET('/echo'));
    await until('requests to begin', begun);
    open();
    await until('a response to what cannot be read', () => client.received().includes(' 400 '));
    client.socket.end();
    const text = await client.closed;
    expect(answered(text)).toEqual(bodies);
    expect(statusesIn({ text, closed: true })).toEqual([...bodies.map(() => 200), 400]);
    expect(text).toContain('"code":"BAD_USER_INPUT"');
  });

  test.each(['nonsense\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'])(
    'in full to a client that goes on sending after %j, whose connection is not reset',
    async (garbage) => {
      served = await startSmallServer({ routes: {} });
      const { socket, closed } = await connectRaw(served.port);
      const reset = once(socket, 'error');
      const ended = once(socket, 'close').then(() => 'closed');
      socket.end(garbage + 'x'.repeat(5_000_000));
      expect(await orGiveUp('the connection to be closed', Promise.race([reset, ended]))).toBe('closed');
      expect(statusesIn({ text: await closed, closed: true })).toEqual([400]);
    },
  );

  test('if it has closed its half of the connection', async () => {
    const { route, begun, open } = echo();
    served = await startSmallServer({ routes: { '/echo': route } });
    const client = await connectRaw(served.port);
    client.socket.end(bodies.map(POST).join(''));
    await until('requests to begin', begun);
    open();
    const text = await client.closed;
    expect(answered(text)).toEqual(bodies);
  });

  test('if it has closed its half in the middle of a request, which gets a 400', async () => {
    const { route, begun, open } = echo();
    served = await startSmallServer({ routes: { '/echo': route } });
    const client = await connectRaw(served.port);
    client.socket.end(`${bodies.map(POST).join('')}${POST('body 20').slice(0, -3)}`);
    await until('requests to begin', begun);
    open();
    const text = await client.closed;
    expect(answered(text)).toEqual(bodies);
    expect(statusesIn({ text, closed: true }).at(-1)).toBe(400);
  });

  test('if the server has read to its end before the last request begins, which then gets a 400', async () => {
    const { route, begun, open } = echo();
    served = await startSmallServer({ routes: { '/echo': route }, limits: { requestsPerConnection: 1 } });
    const client = await connectRaw(served.port);
    client.socket.end(`${POST('body 0')}${POST('body 1').slice(0, -3)}`);
    await until('the first request to begin', begun);
    // Sent when the end has been read.
    await until('an interim response', () => client.received().includes(' 100 '));
    // Others wait for their turns, so that the last request must, too.
    let isOver = false;
    const another = (): void => {
      if (!isOver) TURNS.later('another client', another);
    };
    another();
    open();
    const text = await client.closed.finally(() => (isOver = true));
    const statuses = statusesIn({ text, closed: true }).filter((status) => status !== 100);
    expect(statuses).toEqual([200, 400]);
  });

  test('before the refusal to be a proxy', async () => {
    const { route, open } = echo();
    served = await startSmallServer({ routes: { '/echo': route } });
    open();
    const client = await connectRaw(served.port);
    client.socket.write(`${bodies.map(POST).join('')}CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n`);
    await until('the last response', () => client.received().includes(' 501 '));
    client.socket.end();
    expect(answered(await client.closed)).toEqual(bodies);
  });

  test('if the server stops meanwhile, and only the last response says that the connection is closed', async () => {
    const { route, begun, open } = echo();
    const stopping = await startSmallServer({ routes: { '/echo': route }, limits: { requestsPerConnection: 3 } });
    const client = await connectRaw(stopping.port);
    client.socket.write(bodies.map(POST).join(''));
    await until('requests to begin', begun);
    const stopped = stopping.close();
    open();
    const text = await client.closed;
    client.socket.end();
    await stopped;
    expect(answered(text)).toEqual(bodies);
    expect(text.match(/^connection: close/gim)).toHaveLength(1);
  });
});

describe('a client that is gone', () => {
  test.each([
    ['has closed its connection', false],
    ['has closed its connection after it had closed its half', true],
  ])('and %s is noticed while its request is handled', async (_, endsFirst) => {
    let isGone = false;
    let isBegun = false;
    const handle: Handler = (_request, response) => {
      isBegun = true;
      response.once('close', () => (isGone = true));
    };
    served = await startSmallServer({ routes: { '/wait': read(handle) } });
    const client = await connectRaw(served.port);
    client.socket.write(GET('/wait'));
    await until('the request to begin', () => isBegun);
    if (endsFirst) client.socket.end();
    client.socket.destroy();
    await until('the handler to notice', () => isGone);
  });

  test('one that has only closed its half gets nothing but interim responses before its own', async () => {
    const { route, begun, open } = echo();
    served = await startSmallServer({ routes: { '/echo': route } });
    const client = await connectRaw(served.port);
    client.socket.end(POST('whole'));
    await until('the request to begin', begun);
    await until('the interim response', () => client.received().startsWith('HTTP/1.1 100 Continue\r\n\r\n'));
    open();
    expect(await client.closed).toMatch(/^(?:HTTP\/1\.1 100 Continue\r\n\r\n)+HTTP\/1\.1 200 OK\r\n.*\r\n\r\nwhole$/s);
  });
});
