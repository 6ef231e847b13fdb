import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createRareWarning } from '../telemetry/rare-warning.ts';
import { createConnection, type Connection } from './connection.ts';
import type { Arrivals } from './arrivals.ts';
import type { KnownRequests } from './known-requests.ts';
import { createOpenConnections } from './open-connections.ts';
import { createStop, type StopOptions } from './stop-server.ts';

export interface ConnectionLimits {
  /** Connections that are open at the same time. Beyond, those of the network with the most make room. */
  readonly connections: number;
  /** Requests of one connection that are handled at the same time. */
  readonly requestsPerConnection: number;
  /** How long a whole request may take to arrive. Its headers may take ten seconds of that. */
  readonly receiveMs: number;
  /** How long a client may read nothing of a response. */
  readonly stallMs: number;
  /** Bytes that are held because clients have not read their responses, or send more than is handled, over all connections. */
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
  readonly arrivals: Arrivals;
  /** Undefined when every request is parsed. */
  readonly known?: KnownRequests | undefined;
  /** Whether the process has little memory left. */
  readonly isMemoryShort?: () => boolean;
  readonly log: Log;
  readonly metrics: Metrics;
}

// Often enough that not much more than `bufferBytes` can be produced in between.
const SWEEP_MS = 200;

/** Watches the connections of a server that does not listen yet, and closes those that would exceed the limits. */
export function watchConnections(server: Server, options: ConnectionsOptions): Connections {
  const { limits, isMemoryShort = () => false, metrics } = options;
  const bySocket = new WeakMap<Socket, Connection>();
  const open = createOpenConnections();
  /** What the headers of all requests without a complete response take in memory. */
  let headerBytes = 0;
  let isAnnounced = false;
  let isHolding = false;
  const { stop, idle } = createStop(server, {
    hold() {
      isHolding = true;
      for (const connection of open.all()) connection.hold();
    },
    release() {
      isHolding = false;
      for (const connection of open.all()) connection.release();
    },
    closeAll() {
      // Not `server.closeAllConnections`: Node forgets the connections that a client would use for something else (CONNECT).
      for (const { socket } of open.all()) socket.destroy();
    },
    closeIdle() {
      // To Node, a connection is idle as soon as its last response has ended, although most of that may have to be sent yet. Which
      // ones are idle, and not in the middle of a request, only Node knows; it destroys them before this returns.
      const sending = open.busy().filter((connection) => connection.isSending());
      for (const { socket } of sending) socket.destroy = () => socket;
      server.closeIdleConnections();
      for (const { socket } of sending) Reflect.deleteProperty(socket, 'destroy');
    },
  });
  const cut = createCut(options);
  const cutLargest = (): void => {
    const busy = open.busy().filter(({ socket }) => !socket.destroyed);
    for (const connection of holdingTooMuch(busy, limits.bufferBytes)) cut(connection, 'memory');
  };

  server.on('connection', (socket) => {
    const connection = createConnection(socket, {
      ...options,
      requestsAtOnce: limits.requestsPerConnection,
      onKnownSent: idle,
      onRefused: (status) => metrics.requests.inc({ status }),
      onQueued: () => metrics.requestsQueued.inc(),
      onHeld(bytes) {
        headerBytes += bytes;
        // Before the next sweep, there could be too many.
        if (bytes > 0 && headerBytes > limits.bufferBytes) cutLargest();
      },
      onChange: (changed) => open.change(changed),
    });
    bySocket.set(socket, connection);
    open.add(connection);
    if (isAnnounced) connection.announceClose();
    if (isHolding) connection.hold();
    metrics.connections.inc();
    socket.once('close', () => {
      open.remove(connection);
      metrics.connections.dec();
    });
    if (open.size() <= limits.connections) return;
    const old = open.toMakeRoom() ?? connection;
    cut(old, old === connection ? 'full' : whyOf(old));
  });

  const sweep = setInterval(() => {
    const now = performance.now();
    for (const connection of open.busy()) if (connection.unreadMs(now) >= limits.stallMs) cut(connection, 'stalled');
    cutLargest();
    if (isMemoryShort()) for (const connection of open.toFreeMemory()) cut(connection, 'short');
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
      for (const connection of open.all()) connection.announceClose();
    },
    async close(given) {
      await stop(given);
      clearInterval(sweep);
    },
  };
}

/** Why a connection is closed while its client would go on. */
type CutReason = 'idle' | 'unfinished' | 'unread' | 'full' | 'stalled' | 'memory' | 'short';

/** Why one of the network with the most connections makes room. */
const whyOf = (connection: Connection): CutReason =>
  connection.isUnread() ? 'unread' : connection.isBusy() ? 'unfinished' : 'idle';

const WHY: Readonly<Record<CutReason, string>> = {
  idle: 'there were more connections than LIMIT_CONNECTIONS or the open files allow; the longest idle ones are closed',
  unfinished:
    'there were more connections than LIMIT_CONNECTIONS or the open files allow; requests that do not arrive are given up',
  unread:
    'there were more connections than LIMIT_CONNECTIONS or the open files allow; those whose clients do not read are closed',
  full: 'there were more busy connections than LIMIT_CONNECTIONS or the open files allow; new ones are closed',
  stalled: 'a client read nothing of its response for LIMIT_STALL_MS; its connection is closed',
  memory:
    'clients hold more than LIMIT_BUFFER_BYTES by responses that they do not read, and requests; of the network with most, the largest are closed',
  short: 'memory is short; of the network with the most connections, those that are owed no answer are closed',
};
/**
 * The connections to be closed so that all of them hold no more than this: of the network that holds most, the one that holds most,
 * and so on.
 */
function holdingTooMuch(busy: readonly Connection[], maxBytes: number): Connection[] {
  const held = busy.map((connection) => ({ connection, bytes: connection.heldBytes() }));
  let total = held.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total <= maxBytes) return [];
  const networks = [...Map.groupBy(held, ({ connection }) => connection.network).values()].map((all) => ({
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    // The one that holds most comes last.
    rising: all.toSorted((one, other) => one.bytes - other.bytes),
  }));
  const found: Connection[] = [];
  while (total > maxBytes) {
    const most = networks.reduce((one, other) => (other.bytes > one.bytes ? other : one));
    const next = most.rising.pop();
    if (next === undefined) break;
    found.push(next.connection);
    most.bytes -= next.bytes;
    total -= next.bytes;
  }
  return found;
}

/** Returns a function that closes a connection, counts that, and logs it at most once a minute for each reason. */
function createCut({ log, metrics }: ConnectionsOptions) {
  const warn = createRareWarning(log, WHY);
  return ({ socket }: Connection, reason: CutReason): void => {
    socket.destroy();
    metrics.connectionsCut.inc({ reason });
    warn(reason);
  };
}
