import { PassThrough } from 'node:stream';
import { createHttpServer, type HttpServerOptions } from '../../src/http/server.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

/** A server with these routes alone. */
export interface SmallServer {
  /** `http://HOST:PORT` */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts a server like a gateway's, without anything behind it. */
export async function startSmallServer(
  options: Pick<HttpServerOptions, 'routes' | 'allowedHosts'>,
  host = '127.0.0.1',
): Promise<SmallServer> {
  const log = createLog({ level: 'silent', readable: false, destination: new PassThrough() });
  const server = createHttpServer({ ...options, log, metrics: createMetrics() });
  const port = await server.listen(0, host);
  const name = host === '0.0.0.0' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return { url: `http://${name}:${port}`, close: () => server.close(0) };
}
