import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

/** Marks what its last `catch` gives as handled. */
class HandledPromise<Value> extends Promise<Value> {
  override catch<Result = never>(
    onRejected?: ((reason: unknown) => Result | PromiseLike<Result>) | null,
  ): Promise<Value | Result> {
    const caught = super.catch(onRejected);
    // `connect()` rejects too, and the pool deals with that: this one says nothing new.
    void caught.then(undefined, () => undefined);
    return caught;
  }
}

/** What the driver shows to nobody of its connections. */
interface DriverConnection {
  readonly opts: { readonly socketTimeout: number };
  readonly socket: Socket;
  readonly streamIn: { onData(chunk: Buffer): void };
  executeSessionVariableQuery: (this: DriverConnection) => Promise<unknown>;
  socketInit: (this: DriverConnection) => void;
  nextSendCmd: (this: DriverConnection) => void;
  createSecureContext: (this: DriverConnection, info: object, connected: () => void) => void;
  socketErrorHandler(error: Error): void;
  socketTimeoutReached(): void;
}

/** What the driver shows to nobody of its commands. */
interface DriverCommand {
  readLocalInfile(): never;
}

/** What the driver shows to nobody of a connection's sign-in. */
interface DriverSignIn {
  onPacketReceive: (...packetAndInfo: object[]) => void;
}

/** CR_MALFORMED_PACKET. */
const MALFORMED_PACKET = 2027;

let isGuarded = false;

/**
 * Mends mariadb 3.4.5, the version that Prisma's adapter pins: it throws or rejects where nobody can catch it, which would
 * end the process, and holds certificates to their CAs too late. To be looked at again with each version.
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
  const signIn = load('mariadb/lib/cmd/handshake/authentication.js') as { prototype: DriverSignIn };
  guardTls(prototype, signIn.prototype);
}

/**
 * No statement of ours has the server ask for a file. One that does so all the same is answered by the driver, which then
 * waits for an answer on behalf of a command that has failed, and fails over it when none comes.
 */
function guardFiles(prototype: DriverCommand): void {
  prototype.readLocalInfile = () => {
    throw new Error('The server asks for a file');
  };
}

/**
 * A connection that is lost while its session is being set up leaves a rejected promise to nobody (`authSucceedHandler` in
 * lib/connection.js). Mended in mariadb 3.5.
 */
function guardSetUp(prototype: DriverConnection): void {
  // The first step of the set-up; the others are chained to what it gives.
  const first = prototype.executeSessionVariableQuery;
  prototype.executeSessionVariableQuery = function (this: DriverConnection): Promise<unknown> {
    return HandledPromise.resolve(first.call(this));
  };
}

/**
 * Packets are parsed in a listener of the socket, so what is thrown over one that is not as it should be, by a broken server or
 * by a proxy between, would end the process. Here it ends the connection, and fails what was running on it.
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

/** The next command begins in a turn of its own, and goes by what the server said of a statement that it prepared. */
function guardSending(prototype: DriverConnection): void {
  const { nextSendCmd } = prototype;
  prototype.nextSendCmd = function (this: DriverConnection): void {
    try {
      nextSendCmd.call(this);
    } catch (error) {
      this.socketErrorHandler(malformed(error));
    }
  };
}

/**
 * A server that greets as MariaDB is believed whatever its certificate, until it has taken the password: the driver then
 * looks for a proof that it knew it. But whoever stands between may greet so, and may ask for the password in clear. Here the
 * certificate is held to the CAs before anything is sent, whatever the greeting says.
 *
 * The driver also leaves its time-out for silence on the socket below, where nobody can turn it off again (`watch` in pool.ts).
 */
function guardTls(prototype: DriverConnection, signIn: DriverSignIn): void {
  /** Of the connections that have asked for TLS and do not have it yet. */
  const securing = new WeakSet<object>();
  const { createSecureContext } = prototype;
  prototype.createSecureContext = function (this: DriverConnection, info: object, connected: () => void): void {
    const below = this.socket;
    securing.add(info);
    createSecureContext.call(this, Object.create(info, { isMariaDB: { value: () => false } }) as object, () => {
      securing.delete(info);
      connected();
    });
    if (this.socket === below) return;
    below.setTimeout(0);
    this.socket.setTimeout(this.opts.socketTimeout, this.socketTimeoutReached.bind(this));
  };
  // What comes in one piece with the greeting is parsed before TLS is there: it could sign the connection in, or tell lies.
  const { onPacketReceive } = signIn;
  signIn.onPacketReceive = function (this: DriverSignIn, ...packetAndInfo): void {
    if (packetAndInfo.some((argument) => securing.has(argument)))
      throw new Error('The server answers in clear where TLS was asked for');
    onPacketReceive.apply(this, packetAndInfo);
  };
}

function malformed(cause: unknown): Error {
  const error = new Error('The server sent what the driver cannot read', { cause });
  return Object.assign(error, { errno: MALFORMED_PACKET, code: 'CR_MALFORMED_PACKET' });
}
