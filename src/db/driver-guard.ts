import { createRequire } from 'node:module';

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
  readonly streamIn: { onData(chunk: Buffer): void };
  executeSessionVariableQuery: (this: DriverConnection) => Promise<unknown>;
  socketInit: (this: DriverConnection) => void;
  nextSendCmd: (this: DriverConnection) => void;
  socketErrorHandler(error: Error): void;
}

/** CR_MALFORMED_PACKET. */
const MALFORMED_PACKET = 2027;

let isGuarded = false;

/**
 * Keeps the process alive where mariadb 3.4.5, the version that Prisma's adapter pins, throws or rejects and nobody can
 * catch it. To be looked at again with each version.
 */
export function guardDriver(): void {
  if (isGuarded) return;
  isGuarded = true;
  const { prototype } = createRequire(import.meta.url)('mariadb/lib/connection.js') as { prototype: DriverConnection };
  guardSetUp(prototype);
  guardParser(prototype);
  guardSending(prototype);
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

function malformed(cause: unknown): Error {
  const error = new Error('The server sent what the driver cannot read', { cause });
  return Object.assign(error, { errno: MALFORMED_PACKET, code: 'CR_MALFORMED_PACKET' });
}
