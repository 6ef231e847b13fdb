import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { parseConfig } from '../../src/config.ts';
import { createHttpServer, type HttpServerOptions, type Route } from '../../src/http/server.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { orGiveUp } from '../support/patience.ts';

/** An HTTP server without GraphQL, on a port of its own. */
export interface ServedRoutes {
  readonly port: number;
  readonly url: string;
  readonly metrics: Metrics;
  readonly logLines: readonly string[];
  /** The value of a metric, for one value of its label. */
  count(name: string, label?: string): Promise<number>;
  close(): Promise<void>;
}

/** Serves routes over HTTP. */
export async function serve(
  routes: Readonly<Record<string, Route>>,
  limits: Partial<HttpServerOptions['limits']> = {},
): Promise<ServedRoutes> {
  const logLines: string[] = [];
  const destination = new PassThrough().on('data', (line: Buffer) => logLines.push(line.toString()));
  const metrics = createMetrics();
  const server = createHttpServer({
    routes,
    limits: { ...parseConfig({}).limits, ...limits },
    log: createLog({ level: 'info', readable: false, destination }),
    metrics,
  });
  const port = await server.listen(0, '127.0.0.1');
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    metrics,
    logLines,
    async count(name, label) {
      const metric = await metrics.registry.getSingleMetric(name)?.get();
      const values = metric?.values ?? [];
      const own = values.filter(({ labels }) => label === undefined || Object.values(labels).includes(label));
      return own.reduce((sum, { value }) => sum + value, 0);
    },
    close: () => server.stop({ drainMs: 0, withinMs: 1_000 }),
  };
}

/** A client that writes and reads bytes. */
export interface RawClient {
  readonly socket: Socket;
  /** Everything that was received. */
  received(): string;
  /** Resolves with everything that was received, when the server has closed the connection. */
  readonly closed: Promise<string>;
}

/** Connects to a port on this machine. */
export async function connectRaw(port: number): Promise<RawClient> {
  // Half-open, so that it is the test that decides when the client has nothing more to send.
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await orGiveUp('a connection', once(socket, 'connect'));
  const chunks: Buffer[] = [];
  const received = (): string => Buffer.concat(chunks).toString();
  const closed = new Promise<string>((resolve) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    for (const event of ['end', 'close', 'error']) socket.on(event, () => resolve(received()));
  });
  return { socket, received, closed: orGiveUp('the server to close the connection', closed, received) };
}
