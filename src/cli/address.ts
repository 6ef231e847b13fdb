import { once } from 'node:events';
import { createServer, isIPv6 } from 'node:net';
import type { Config } from '../config.ts';
import { CliError, EXIT } from '../cli-error.ts';

type Address = Pick<Config, 'host' | 'port'>;

/**
 * Listens on the gateway's address for a moment, so that a wrong or taken one is reported before anything else is done.
 * @throws CliError from `addressError`
 */
export async function assertFreeAddress(address: Address): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen(address.port, address.host);
    await once(server, 'listening');
  } catch (error) {
    throw addressError(error, address);
  }
  server.close();
  await once(server, 'close');
}

/** Formats a host and a port as in a URL. */
export const authority = (host: string, port: number): string => `${isIPv6(host) ? `[${host}]` : host}:${port}`;

/** Turns an error of `listen` into a CliError (exit code 69, or 77 for missing rights) if the address is at fault. */
export function addressError(error: unknown, { host, port }: Address): unknown {
  const code = Error.isError(error) && 'code' in error ? error.code : undefined;
  const refusal = (what: string, exitCode: number): CliError => {
    const expected = 'HOST and PORT: expected an address of this machine that is free';
    return new CliError(`${expected}, got ${authority(host, port)}, which ${what}`, { exitCode, cause: error });
  };
  if (code === 'EADDRINUSE') return refusal('another program uses', EXIT.unavailable);
  if (code === 'EACCES') return refusal('needs more privileges to listen on', EXIT.noPermission);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return refusal('is not an address of this machine', EXIT.unavailable);
  return error;
}
