import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { afterEach, beforeAll, afterAll, expect, test } from '@jest/globals';
import { openConnection } from '../../src/data/connection.ts';
import { openServer } from '../../src/db/pool.ts';
import { greeting, packet, signedIn } from '../support/mysql-packets.ts';
import { until } from '../support/patience.ts';
import { createAuthority, type Authority, type KeyPair } from './certificates.ts';

/**
 * A man in the middle: it greets as any server, presents a certificate that nobody trusts, and asks for the password in clear
 * text.
 */
interface ManInTheMiddle {
  readonly port: number;
  /** Everything that it received over TLS, as one text. */
  readonly heard: () => string;
  readonly cut: () => void;
  readonly close: () => Promise<void>;
}

const SSL_REQUEST_BYTES = 36;
/** Asks for the password in clear text, which caching_sha2_password sends over TLS. */
const inClear = (sequence: number): Buffer => Buffer.from([2, 0, 0, sequence, 1, 4]);
const switchPlugin = (sequence: number): Buffer => {
  const body = Buffer.from('\xfecaching_sha2_password\x0012345678901234567890\0', 'latin1');
  return Buffer.concat([Buffer.from([body.length, 0, 0, sequence]), body]);
};

let ours: Authority;
let theirs: KeyPair;
let middle: ManInTheMiddle | undefined;
beforeAll(async () => {
  ours = await createAuthority('ours');
  const others = await createAuthority('others');
  theirs = await others.issue(['localhost', '127.0.0.1']);
  await others.remove();
});
afterEach(() => middle?.close());
afterAll(() => ours.remove());

/**
 * @param options.planted sent in one piece with the greeting, in clear
 * @param options.hangs says nothing more once it was asked for TLS
 */
async function startMiddle(
  version: string,
  { pair = theirs, planted = [], hangs = false }: { pair?: KeyPair; planted?: Buffer[]; hangs?: boolean } = {},
): Promise<ManInTheMiddle> {
  let heard = '';
  const open = new Set<Socket>();
  const secureContext = createSecureContext({ cert: pair.cert, key: pair.key });
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.write(Buffer.concat([greeting(version), ...planted]));
    if (hangs) return;
    socket.once('data', (first: Buffer) => {
      socket.pause();
      // The client does not wait for a response to its TLS request.
      socket.unshift(first.subarray(SSL_REQUEST_BYTES));
      const secure = new TLSSocket(socket, { isServer: true, secureContext });
      open.add(secure);
      secure.on('error', () => secure.destroy());
      secure.on('data', (data: Buffer) => {
        heard += data.toString('latin1');
        // First the response to the greeting, then the one to the other plugin.
        const sequence = (data[3] ?? 0) + 1;
        secure.write(sequence <= 3 ? switchPlugin(sequence) : inClear(sequence));
      });
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    heard: () => heard,
    cut,
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}

const GREETINGS = ['5.5.5-10.11.6-MariaDB', '9.7.0'];

test.each(GREETINGS)('one that greets as %s receives neither the password nor anything else', async (version) => {
  middle = await startMiddle(version);
  const ca = encodeURIComponent(ours.certFile);
  for (const mode of ['VERIFY_IDENTITY', 'VERIFY_CA', 'REQUIRED']) {
    const url = `mysql://careful:topsecret@localhost:${middle.port}/crm?ssl-mode=${mode}&ssl-ca=${ca}`;
    await expect(openConnection(url)).rejects.toThrow(/certificate was refused/);
  }
  expect(middle.heard()).toBe('');
});

test.each([
  ['that the password was right', signedIn],
  ['that it was wrong', packet(2, Buffer.from('\xff\x15\x04#28000planted', 'latin1'))],
  ['that it wants the password in clear', packet(2, Buffer.from('\xfemysql_clear_password\0', 'latin1'))],
])('one that sends %s before TLS is established is not trusted', async (_, planted) => {
  const ca = encodeURIComponent(ours.certFile);
  for (const version of GREETINGS) {
    const lying = (middle = await startMiddle(version, { planted: [planted] }));
    const url = `mysql://careful:topsecret@localhost:${lying.port}/crm?ssl-mode=VERIFY_IDENTITY&ssl-ca=${ca}`;
    await expect(openConnection(url)).rejects.toThrow(/The server sent something that the driver cannot read/);
    await expect(openServer(url, 60_000)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    expect(lying.heard()).toBe('');
    await lying.close();
  }
  middle = undefined;
});

test('a certificate that has expired is refused', async () => {
  const pair = await ours.issue(['localhost'], new Date('2020-02-01'));
  middle = await startMiddle('9.7.0', { pair });
  const url = `mysql://u@localhost:${middle.port}/crm?ssl-mode=VERIFY_CA&ssl-ca=${ours.certFile}`;
  await expect(openConnection(url)).rejects.toThrow(/its certificate was refused: certificate has expired/);
});

test('one that does not answer the request for TLS is given up', async () => {
  middle = await startMiddle('9.7.0', { hangs: true });
  const url = `mysql://u@localhost:${middle.port}/crm?ssl-mode=VERIFY_CA&ssl-ca=${ours.certFile}`;
  await expect(openServer(url, 50)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
});

test('it would get the password from a client that does not verify certificates', async () => {
  const listening = (middle = await startMiddle('5.5.5-10.11.6-MariaDB'));
  const connecting = openConnection(`mysql://careful:topsecret@localhost:${listening.port}/crm?ssl-mode=REQUIRED`);
  const refused = expect(connecting).rejects.toThrow();
  await until('the password', listening.heard, (heard) => heard.includes('topsecret'));
  listening.cut();
  await refused;
});
