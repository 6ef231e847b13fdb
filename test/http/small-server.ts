import { PassThrough } from 'node:stream';
import { parseConfig } from '../../src/config.ts';
import { createArrivals } from '../../src/http/arrivals.ts';
import { createHttpServer, type HttpServerOptions } from '../../src/http/server.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { keepWritten } from '../support/written.ts';

/** A server with these routes alone. */
export interface SmallServer {
  readonly port: number;
  /** `http://HOST:PORT` */
  readonly url: string;
  readonly logLines: readonly string[];
  /** The value of a metric, summed over all its labels, or for one value of its label. */
  count(name: string, label?: string): Promise<number>;
  close(): Promise<void>;
}

type SmallServerOptions = Pick<HttpServerOptions, 'routes' | 'allowedHosts' | 'isMemoryShort'> & {
  /** Those that differ from the defaults. */
  readonly limits?: Partial<HttpServerOptions['limits']>;
};

/** Starts a server like a gateway's, without anything behind it. */
export async function startSmallServer(
  { limits, ...options }: SmallServerOptions,
  host = '127.0.0.1',
): Promise<SmallServer> {
  const logLines: string[] = [];
  const destination = new PassThrough().setEncoding('utf8');
  destination.on('data', (line: string) => logLines.push(line)).on('data', keepWritten());
  const log = createLog({ level: 'info', readable: false, destination });
  const metrics = createMetrics();
  const all = { ...parseConfig({}).limits, ...limits };
  const arrivals = createArrivals(all.bufferBytes);
  const server = createHttpServer({ ...options, limits: all, arrivals, log, metrics });
  const port = await server.listen(0, host);
  const name = host === '0.0.0.0' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return {
    port,
    url: `http://${name}:${port}`,
    logLines,
    async count(metric, label) {
      const { values = [] } = (await metrics.registry.getSingleMetric(metric)?.get()) ?? {};
      const own = values.filter(({ labels }) => label === undefined || Object.values(labels).includes(label));
      return own.reduce((sum, { value }) => sum + value, 0);
    },
    close: () => server.stop({ drainMs: 0, withinMs: 1_000 }),
  };
}
