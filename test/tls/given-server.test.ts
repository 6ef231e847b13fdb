import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openConnection } from '../../src/data/connection.ts';
import { openServer } from '../../src/db/pool.ts';
import { createPreparedShares } from '../../src/db/prepared.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { createAuthority, type Authority } from './certificates.ts';

// MySQL creates its own CA and certificate during setup; the MariaDB that the tests start has no TLS.
let database: TestDatabase;
let others: Authority;
let isMariaDb: boolean;
beforeAll(async () => {
  database = await createDatabase();
  others = await createAuthority('others');
  isMariaDb = await withConnection(database.url, async ({ info }) => info?.isMariaDB() ?? false);
});
afterAll(async () => {
  await Promise.all([database.drop(), others.remove()]);
});

async function cipherOf(parameters: string): Promise<string> {
  const connection = await openConnection(`${database.url}?${parameters}`);
  try {
    const [row] = await connection.query<{ Value: string }[]>("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
    return row?.Value ?? '';
  } finally {
    await connection.end();
  }
}

/** The CA certificate that a server sends along with its own, in PEM form. */
async function authorityOfServer(): Promise<string> {
  const server = await openServer(`${database.url}?ssl-mode=REQUIRED`, 60_000);
  const connections = server.createPool({ connections: 1, statementMs: 60_000, prepared: createPreparedShares(0, 1) });
  const sockets: TLSSocket[] = [];
  connections.pool.on('acquire', (connection: unknown) => sockets.push((connection as { socket: TLSSocket }).socket));
  await connections.pool.query('SELECT 1');
  const authority = sockets[0]?.getPeerCertificate(true).issuerCertificate.raw.toString('base64') ?? '';
  await connections.close();
  return `-----BEGIN CERTIFICATE-----\n${authority.replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}

test('a server is connected to over TLS if it supports it, and not at all if it does not', async () => {
  if (isMariaDb) await expect(cipherOf('ssl-mode=REQUIRED')).rejects.toThrow(/it does not support TLS/);
  else expect(await cipherOf('ssl-mode=REQUIRED')).toMatch(/^TLS_/);
});

test('a server needs a certificate from the CA, and one for its name with VERIFY_IDENTITY', async () => {
  const other = `ssl-mode=VERIFY_CA&ssl-ca=${others.certFile}`;
  if (isMariaDb) return expect(cipherOf(other)).rejects.toThrow(/it does not support TLS/);
  await expect(cipherOf(other)).rejects.toThrow(/its certificate was refused: self-signed/);
  const { path, remove } = await createTemporaryFolder();
  const file = join(path, 'ca.pem');
  await writeFile(file, await authorityOfServer());
  expect(await cipherOf(`ssl-mode=VERIFY_CA&ssl-ca=${file}`)).toMatch(/^TLS_/);
  // It is not valid for any host name.
  const named = cipherOf(`ssl-mode=VERIFY_IDENTITY&ssl-ca=${file}`);
  await expect(named).rejects.toThrow(/its certificate was refused: Hostname\/IP does not match/);
  await remove();
});
