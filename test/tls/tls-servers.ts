import { freePort } from '../../src/embedded/ports.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import type { KeyPair } from './certificates.ts';

/** Servers with TLS: the database offers it on its usual port, Redis on an additional one. */
export interface TlsServers extends OwnServers {
  readonly redisTlsPort: number;
}

/** A Redis's arguments for TLS, without the port. */
export const redisTls = ({ certFile, keyFile }: KeyPair, caFile: string): readonly string[] => [
  ...['--tls-auth-clients', 'no', '--tls-ca-cert-file', caFile],
  ...['--tls-cert-file', certFile, '--tls-key-file', keyFile],
];

export async function startTlsServers(pair: KeyPair, caFile: string): Promise<TlsServers> {
  const { certFile, keyFile } = pair;
  const redisTlsPort = await freePort();
  const servers = await startOwnServers({
    args: {
      database: [`--ssl-cert=${certFile}`, `--ssl-key=${keyFile}`, `--ssl-ca=${caFile}`],
      redis: ['--tls-port', String(redisTlsPort), ...redisTls(pair, caFile)],
    },
  });
  return { ...servers, redisTlsPort };
}
