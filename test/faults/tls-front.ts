import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { packetsOf } from '../support/mysql-packets.ts';
import type { KeyPair } from '../tls/certificates.ts';

/** CLIENT_SSL, in the second byte of the capabilities. */
const SSL = 0x08;
const SSL_REQUEST_BYTES = 36;
const HEADER_BYTES = 4;
const [OK, ERROR] = [0x00, 0xff];

/** In a greeting, after the protocol's version, the server's, the connection's id and half of the salt. */
const capabilitiesOf = (greeting: Buffer): number => greeting.indexOf(0, HEADER_BYTES + 1) + 1 + 4 + 8 + 1;

/** Corrects packet numbers, since one side counts the request for TLS and the other does not. */
function renumbered(data: Buffer, by: 1 | -1): Buffer {
  for (const one of packetsOf(data)) one[3] = (one[3] ?? 0) + by;
  return data;
}

/** Greets a client on behalf of a server without TLS, as if it supported TLS. */
export async function greetWithTls(client: Socket, upstream: Socket): Promise<void> {
  const [greeting] = (await once(upstream, 'data')) as [Buffer];
  const at = capabilitiesOf(greeting) + 1;
  greeting[at] = (greeting[at] ?? 0) | SSL;
  client.write(greeting);
}

/**
 * Greets a client, and encrypts what comes after it.
 * @returns the client's end once it is encrypted, before the client has signed in
 */
export async function encrypted(client: Socket, upstream: Socket, { cert, key }: KeyPair): Promise<TLSSocket> {
  await greetWithTls(client, upstream);
  const [request] = (await once(client, 'data')) as [Buffer];
  client.pause();
  client.unshift(request.subarray(SSL_REQUEST_BYTES));
  const secure = new TLSSocket(client, { isServer: true, secureContext: createSecureContext({ cert, key }) });
  return secure.on('error', () => secure.destroy());
}

/** Passes on the packets of the sign-in. Resolves when the server has accepted or refused the client. */
export async function signIn(secure: TLSSocket, upstream: Socket): Promise<void> {
  const [response] = (await once(secure, 'data')) as [Buffer];
  response[HEADER_BYTES + 1] = (response[HEADER_BYTES + 1] ?? 0) & ~SSL;
  upstream.write(renumbered(response, -1));
  const pass = (data: Buffer): boolean => upstream.write(renumbered(data, -1));
  secure.on('data', pass);
  for (let isOver = false; !isOver;) {
    const [data] = (await once(upstream, 'data')) as [Buffer];
    isOver = packetsOf(data).some((one) => one[HEADER_BYTES] === OK || one[HEADER_BYTES] === ERROR);
    secure.write(renumbered(data, 1));
  }
  secure.off('data', pass);
}
