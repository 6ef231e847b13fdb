import { afterAll, describe, expect, test } from '@jest/globals';
import { read, type HttpServerOptions } from '../../src/http/server.ts';
import { startOwnGateway } from '../support/own-gateway.ts';
import { ask } from './ask.ts';
import { sendRaw, statusesIn } from './raw-socket.ts';
import { startSmallServer, type SmallServer } from './small-server.ts';

const hello = read((_, response) => void response.end('hello'));
const routes: HttpServerOptions['routes'] = { '/': hello, '/health/ready': hello };

const servers: SmallServer[] = [];
afterAll(async () => {
  for (const server of servers) await server.close();
});

/** Starts a server, and returns the status of a request with this `Host`. */
async function statusesOf(address: string, allowedHosts: readonly string[] = []) {
  const server = await startSmallServer({ routes, allowedHosts }, address);
  servers.push(server);
  return async (host: string, path = '/'): Promise<number> => (await ask(server.url + path, { host })).status;
}

const LOOPBACK = ['localhost', 'LocalHost:4000', 'localhost.', 'crm.localhost', '127.0.0.1', '127.9.8.7:80', '[::1]'];
const OTHERS = [
  ...['evil.example', 'localhost.evil.example', 'notlocalhost', '127.0.0.1.evil.example', '128.0.0.1', '10.0.0.5:4000'],
  ...['[::2]', '0.0.0.0', '%6cocalhost', 'localhost!', ':80'],
];
const MALFORMED = ['[::1', 'localhost:x', 'localhost/', 'evil.example@localhost', 'localhost evil.example', '@@@'];

describe.each(['127.0.0.1', '127.0.0.2', 'localhost', '::ffff:127.0.0.1'])(
  'a gateway that listens on %s',
  (address) => {
    test('serves requests for names and addresses of loopback, and no others', async () => {
      const status = await statusesOf(address);
      for (const host of LOOPBACK) expect([host, await status(host)]).toEqual([host, 200]);
      for (const host of OTHERS) expect([host, await status(host)]).toEqual([host, 421]);
      for (const host of MALFORMED) expect([host, await status(host)]).toEqual([host, 400]);
      for (const path of ['/nothing', '/metrics']) expect(await status('evil.example', path)).toBe(421);
    });

    test('also serves requests for the names that are allowed', async () => {
      const status = await statusesOf(address, ['crm.example.com', '.internal', '10.0.0.5']);
      const allowed = ['crm.example.com', 'CRM.Example.com.:8443', 'internal', 'a.b.internal', '10.0.0.5:4000'];
      for (const host of [...allowed, ...LOOPBACK]) expect([host, await status(host)]).toEqual([host, 200]);
      for (const host of ['example.com', 'a.crm.example.com', 'notinternal', 'evil.example'])
        expect([host, await status(host)]).toEqual([host, 421]);
    });

    test('is ready under any name, for probes', async () => {
      expect(await (await statusesOf(address))('10.1.2.3:4000', '/health/ready')).toBe(200);
    });
  },
);

describe('a gateway that listens on all addresses', () => {
  test('serves requests for any name that is one', async () => {
    const status = await statusesOf('0.0.0.0');
    for (const host of [...LOOPBACK, ...OTHERS, 'crm.example.com', '10.0.0.5'])
      expect([host, await status(host)]).toEqual([host, 200]);
    for (const host of MALFORMED) expect([host, await status(host)]).toEqual([host, 400]);
  });

  test('serves only requests for loopback and the names that are allowed, if there are any', async () => {
    const status = await statusesOf('0.0.0.0', ['crm.example.com']);
    for (const host of [...LOOPBACK, 'crm.example.com']) expect([host, await status(host)]).toEqual([host, 200]);
    for (const host of OTHERS) expect([host, await status(host)]).toEqual([host, 421]);
  });
});

test.each([
  ['http://localhost/', 'evil.example', 200],
  ['HTTP://127.0.0.1:4000', 'evil.example', 200],
  ['http://evil.example/', 'localhost', 421],
  ['http://evil.example/health/ready', 'localhost', 200],
  ['http://localhost@evil.example/', 'localhost', 400],
  ['http://user@localhost/', 'localhost', 400],
  ['http:///', 'localhost', 421],
])('the host in a target in absolute form counts, not the header: %s, %s', async (target, host, status) => {
  const server = await startSmallServer({ routes });
  servers.push(server);
  const answer = await sendRaw(server.url, [`GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`]);
  expect(statusesIn(answer)).toEqual([status]);
});

test('a request without the header, which no browser sends, is served, and one with an empty one is not', async () => {
  const server = await startSmallServer({ routes });
  servers.push(server);
  expect(statusesIn(await sendRaw(server.url, ['GET / HTTP/1.0\r\n\r\n']))).toEqual([200]);
  expect(statusesIn(await sendRaw(server.url, ['GET / HTTP/1.0\r\nhost:\r\n\r\n']))).toEqual([421]);
});

test('a request for another name is refused with the setting that would allow it, whatever it asks for', async () => {
  const gateway = await startOwnGateway({ ALLOWED_HOSTS: 'crm.example.com' });
  try {
    for (const [path, accept] of [
      ['/graphql?query=%7B__typename%7D', 'application/json'],
      ['/graphql', 'text/html'],
      ['/', 'text/html'],
      ['/schema.graphql', '*/*'],
      ['/metrics', '*/*'],
    ] as const) {
      const { status, body } = await ask(gateway.url + path, { accept, host: 'evil.example:4000' });
      expect([path, status, JSON.parse(body.toString())]).toEqual([
        path,
        421,
        {
          errors: [
            {
              message:
                'Header "host": expected localhost, a loopback address or a name in ALLOWED_HOSTS, got "evil.example:4000".',
              extensions: { code: 'BAD_USER_INPUT' },
            },
          ],
        },
      ]);
      expect((await ask(gateway.url + path, { accept, host: 'crm.example.com' })).status).toBeLessThan(400);
    }
  } finally {
    await gateway.close();
  }
});
