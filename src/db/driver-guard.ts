import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

/** A promise whose `catch` returns one that never counts as an unhandled rejection. */
class HandledPromise<Value> extends Promise<Value> {
  override catch<Result = never>(
    onRejected?: ((reason: unknown) => Result | PromiseLike<Result>) | null,
  ): Promise<Value | Result> {
    const caught = super.catch(onRejected);
    // `connect()` rejects with the same error, and the pool handles that one.
    void caught.then(undefined, () => undefined);
    return caught;
  }
}

/** The driver's internals that its types leave out. */
interface DriverConnection {
  readonly opts: { readonly socketTimeout: number };
  readonly socket: Socket | undefined;
  readonly streamIn: { onData(chunk: Buffer): void };
  executeSessionVariableQuery: (this: DriverConnection) => Promise<unknown>;
  socketInit: (this: DriverConnection) => void;
  addCommandEnable: (this: DriverConnection, command: object, expectsResponse: boolean) => void;
  fatalError: (this: DriverConnection, error: Error, avoidsThrowing: boolean) => void;
  nextSendCmd: (this: DriverConnection) => void;
  createSecureContext: (this: DriverConnection, info: object, connected: () => void) => void;
  socketErrorHandler(error: Error): void;
  socketTimeoutReached(): void;
}

/** As above, for its commands. */
interface DriverCommand {
  readLocalInfile(): never;
}

/** The internals of the driver's authentication. */
interface DriverSignIn {
  onPacketReceive: (...packetAndInfo: object[]) => void;
}

/** CR_MALFORMED_PACKET. */
const MALFORMED_PACKET = 2027;

let isGuarded = false;

/**
 * Patches mariadb 3.4.5, the version that Prisma's adapter pins. It throws or rejects where nobody can catch it, which would
 * end the process, and verifies certificates too late. Review these patches on every upgrade of the driver.
 */
export function guardDriver(): void {
  if (isGuarded) return;
  isGuarded = true;
  const load = createRequire(import.meta.url);
  const { prototype } = load('mariadb/lib/connection.js') as { prototype: DriverConnection };
  const parser = load('mariadb/lib/cmd/parser.js') as { prototype: DriverCommand };
  guardFiles(parser.prototype);
  guardSetUp(prototype);
  guardParser(prototype);
  guardSending(prototype);
  guardLosses(prototype);
  const signIn = load('mariadb/lib/cmd/handshake/authentication.js') as { prototype: DriverSignIn };
  guardTls(prototype, signIn.prototype);
}

/**
 * None of our statements makes the server request a file (LOAD DATA LOCAL). If it does so anyway, the driver replies, waits for
 * a response on behalf of a command that has already failed, and throws when none comes.
 */
function guardFiles(prototype: DriverCommand): void {
  prototype.readLocalInfile = () => {
    throw new Error('The server asks for a file');
  };
}

/**
 * If a connection is lost during session set-up, the driver leaves a rejected promise unhandled (`authSucceedHandler` in
 * lib/connection.js). Fixed in mariadb 3.5.
 */
function guardSetUp(prototype: DriverConnection): void {
  // The other steps of the set-up are chained to the promise that this first one returns.
  const first = prototype.executeSessionVariableQuery;
  prototype.executeSessionVariableQuery = function (this: DriverConnection): Promise<unknown> {
    return HandledPromise.resolve(first.call(this));
  };
}

/**
 * Packets are parsed in a socket listener, so an exception over a malformed one, from a broken server or a proxy in between,
 * would end the process. Here it closes the connection and fails the command that was running on it.
 */
function guardParser(prototype: DriverConnection): void {
  const { socketInit } = prototype;
  prototype.socketInit = function (this: DriverConnection): void {
    const { streamIn } = this;
    const parse = streamIn.onData.bind(streamIn);
    streamIn.onData = (chunk) => {
      try {
        parse(chunk);
      } catch (error) {
        this.socketErrorHandler(malformed(error));
      }
    };
    socketInit.call(this);
  };
}

/**
 * A command relies on what the server said about its prepared statement, and starts where nobody catches: from a listener, or in
 * its own turn of the event loop.
 */
function guardSending(prototype: DriverConnection): void {
  const { addCommandEnable, nextSendCmd } = prototype;
  prototype.addCommandEnable = function (this: DriverConnection, ...command): void {
    try {
      addCommandEnable.apply(this, command);
    } catch (error) {
      this.socketErrorHandler(malformed(error));
    }
  };
  prototype.nextSendCmd = function (this: DriverConnection): void {
    try {
      nextSendCmd.call(this);
    } catch (error) {
      this.socketErrorHandler(malformed(error));
    }
  };
}

/**
 * When a connection is lost, the driver removes all listeners of its socket and destroys it. One whose TLS handshake has not
 * ended still has an error of its own to emit, which would end the process.
 */
function guardLosses(prototype: DriverConnection): void {
  const { fatalError } = prototype;
  prototype.fatalError = function (this: DriverConnection, ...error): void {
    const { socket } = this;
    try {
      fatalError.apply(this, error);
    } finally {
      socket?.on('error', () => undefined);
    }
  };
}

/**
 * If a server's greeting says MariaDB, the driver accepts any certificate and sends the password; only then does it check a
 * proof that the server knew it. A man in the middle can send that greeting and ask for the password in clear text. Here the
 * certificate is verified before anything is sent, whatever the greeting says.
 *
 * The driver also leaves its inactivity timeout on the underlying socket, where `watch` in pool.ts cannot turn it off.
 */
function guardTls(prototype: DriverConnection, signIn: DriverSignIn): void {
  /** The connections that have requested TLS and do not have it yet. */
  const securing = new WeakSet<object>();
  const { createSecureContext } = prototype;
  prototype.createSecureContext = function (this: DriverConnection, info: object, connected: () => void): void {
    const below = this.socket;
    securing.add(info);
    createSecureContext.call(this, Object.create(info, { isMariaDB: { value: () => false } }) as object, () => {
      securing.delete(info);
      connected();
    });
    if (below === undefined || this.socket === below) return;
    below.setTimeout(0);
    this.socket?.setTimeout(this.opts.socketTimeout, this.socketTimeoutReached.bind(this));
  };
  // Packets that arrive together with the greeting are parsed before TLS is established, so anybody could have sent them.
  const { onPacketReceive } = signIn;
  signIn.onPacketReceive = function (this: DriverSignIn, ...packetAndInfo): void {
    if (packetAndInfo.some((argument) => securing.has(argument)))
      throw new Error('The server answers unencrypted although TLS was requested');
    onPacketReceive.apply(this, packetAndInfo);
  };
}

function malformed(cause: unknown): Error {
  const error = new Error('The server sent something that the driver cannot read', { cause });
  return Object.assign(error, { errno: MALFORMED_PACKET, code: 'CR_MALFORMED_PACKET' });
}
