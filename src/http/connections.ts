import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createConnection, type Connection } from './connection.ts';
import { createStop, type StopOptions } from './stop-server.ts';

export interface ConnectionLimits {
  /** Connections that are open at the same time. Beyond, those that have been idle for longest are closed. */
  readonly connections: number;
  /** Requests of one connection that are handled at the same time. */
  readonly requestsPerConnection: number;
  /** How long a whole request may take to arrive. Its headers may take ten seconds of that. */
  readonly receiveMs: number;
  /** How long a client may read nothing of a response. */
  readonly stallMs: number;
  /** Bytes of responses that are held because clients have not read them, over all connections. */
  readonly bufferBytes: number;
}

/** A server's connections. */
export interface Connections {
  of(socket: Socket): Connection;
  /** From now on, the last response on each connection tells the client that the connection will be closed. */
  announceClose(): void;
  /** Answers the requests that were sent, and accepts no new connections. Closes each connection when it is idle. */
  close(options: StopOptions): Promise<void>;
}

interface ConnectionsOptions {
  readonly limits: ConnectionLimits;
  readonly log: Log;
  readonly metrics: Metrics;
}

// Often enough that not much more than `bufferBytes` can be produced in between.
const SWEEP_MS = 200;

/** Watches the connections of a server that does not listen yet, and closes those that would exceed the limits. */
export function watchConnections(server: Server, options: ConnectionsOptions): Connections {
  const { limits, metrics } = options;
  const bySocket = new WeakMap<Socket, Connection>();
  /** In the order in which they became idle, so the first has been idle for longest. */
  const idle = new Set<Connection>();
  const busy = new Set<Connection>();
  let isAnnounced = false;
  let isHolding = false;
  const stop = createStop(server, {
    hold() {
      isHolding = true;
      for (const connection of [...idle, ...busy]) connection.hold();
    },
    release() {
      isHolding = false;
      for (const connection of [...idle, ...busy]) connection.release();
    },
    closeIdle() {
      // To Node, a connection is idle as soon as its last response has ended, although most of that may have to be sent yet. Which
      // ones are idle, and not in the middle of a request, only Node knows; it destroys them before this returns.
      const sending = [...busy].filter((connection) => connection.isSending());
      for (const { socket } of sending) socket.destroy = () => socket;
      server.closeIdleConnections();
      for (const { socket } of sending) Reflect.deleteProperty(socket, 'destroy');
    },
  });
  const cut = createCut(options);

  const onChange = (connection: Connection): void => {
    const [from, to] = connection.isBusy() ? [idle, busy] : [busy, idle];
    // Not for one that has been closed meanwhile.
    if (from.delete(connection) && !connection.socket.destroyed) to.add(connection);
  };
  server.on('connection', (socket) => {
    const connection = createConnection(socket, { requestsAtOnce: limits.requestsPerConnection, onChange });
    bySocket.set(socket, connection);
    idle.add(connection);
    if (isAnnounced) connection.announceClose();
    if (isHolding) connection.hold();
    metrics.connections.inc();
    socket.once('close', () => {
      idle.delete(connection);
      busy.delete(connection);
      metrics.connections.dec();
    });
    const [longestIdle] = idle;
    if (idle.size + busy.size > limits.connections && longestIdle !== undefined)
      cut(longestIdle, longestIdle === connection ? 'full' : 'idle');
  });

  // Node restarts this timer whenever the client reads or sends something.
  server.timeout = limits.stallMs;
  server.on('timeout', (socket) => {
    const connection = bySocket.get(socket);
    if (connection?.isBusy() === true) {
      if (socket.writableLength > 0) cut(connection, 'stalled');
    } else if (socket.bytesWritten > 0) {
      // It was kept alive after a response, for as long as the client was told. One without a request has a timeout of its own.
      socket.destroy();
    }
  });
  const sweep = setInterval(() => {
    const unsent = [...busy].map((connection) => ({ connection, bytes: connection.unsentBytes() }));
    let total = unsent.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total <= limits.bufferBytes) return;
    for (const { connection, bytes } of unsent.toSorted((one, other) => other.bytes - one.bytes)) {
      if (total <= limits.bufferBytes) break;
      cut(connection, 'memory');
      total -= bytes;
    }
  }, SWEEP_MS).unref();

  const of = (socket: Socket): Connection => {
    const connection = bySocket.get(socket);
    if (connection === undefined) throw new Error('the connection was accepted before it was watched');
    return connection;
  };
  return {
    of,
    announceClose() {
      isAnnounced = true;
      for (const connection of [...idle, ...busy]) connection.announceClose();
    },
    async close(given) {
      await stop(given);
      clearInterval(sweep);
    },
  };
}

/** Why a connection is closed while its client would go on. */
type CutReason = 'idle' | 'full' | 'stalled' | 'memory';

const WHY: Readonly<Record<CutReason, string>> = {
  idle: 'there were more connections than LIMIT_CONNECTIONS or the open files allow; the longest idle ones are closed',
  full: 'there were more busy connections than LIMIT_CONNECTIONS or the open files allow; new ones are closed',
  stalled: 'a client read nothing of its response for LIMIT_STALL_MS; its connection is closed',
  memory: 'clients left more than LIMIT_BUFFER_BYTES of responses unread; the connections with most of them are closed',
};
// A client can cause thousands of these a second; the metric counts all of them.
const LOG_MS = 60_000;

/** Returns a function that closes a connection, counts that, and logs it at most once a minute for each reason. */
function createCut({ log, metrics }: ConnectionsOptions) {
  const loggedAt = new Map<CutReason, number>();
  return ({ socket }: Connection, reason: CutReason): void => {
    socket.destroy();
    metrics.connectionsCut.inc({ reason });
    const now = performance.now();
    if (now - (loggedAt.get(reason) ?? -Infinity) < LOG_MS) return;
    loggedAt.set(reason, now);
    log.warn(WHY[reason]);
  };
}
