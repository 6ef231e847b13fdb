import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { AbstractConnector } from 'ioredis';

/** The options of ioredis that concern opening a connection. */
interface ConnectorOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: ConnectionOptions;
  readonly disconnectTimeout: number;
}

/**
 * Opens connections as ioredis itself does, but sends each node its own name (SNI), so that its certificate can be verified. To
 * all the nodes of a cluster that it discovers, ioredis would send the same name, or none.
 */
export class RedisConnector extends AbstractConnector {
  readonly #options: ConnectorOptions;

  /** @param options all of ioredis's options */
  constructor(options: unknown) {
    const given = options as ConnectorOptions;
    super(given.disconnectTimeout);
    this.#options = given;
  }

  override async connect(): Promise<Socket> {
    const { host, port, tls } = this.#options;
    this.connecting = true;
    // `disconnect` may be called right after this.
    await Promise.resolve();
    if (!this.connecting) throw new Error('Connection is closed.');
    // SNI allows no IP addresses.
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const stream = tls === undefined ? connect(port, host) : connectTls({ ...tls, ...servername, host, port });
    this.stream = stream;
    stream.once('error', (error) => {
      this.firstError = error;
    });
    // If a connection is closed during its handshake, and the server's certificate is no good either, Node.js emits an error for
    // each. ioredis and the above listen once, so the second would end the process.
    stream.on('error', () => undefined);
    return stream;
  }
}
