import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openServer } from '../../src/db/pool.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { startProxy } from './proxy.ts';
import { greetWithTls } from './tls-front.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

/** Ends the connection in one of the ways that a network has, once the client has begun with TLS. */
const ENDS: readonly (readonly [string, (client: Socket) => unknown])[] = [
  ['is reset', (client) => client.resetAndDestroy()],
  ['is closed', (client) => client.destroy()],
  ['is half closed', (client) => client.end()],
  ['gets what is not TLS', (client) => client.end('noise')],
];

test.each(ENDS)(
  'a connection that %s during the TLS handshake fails without affecting anything else',
  async (_, end) => {
    const begin = async (client: Socket, upstream: Socket): Promise<void> => {
      await greetWithTls(client, upstream);
      await once(client, 'data');
      end(client);
    };
    const proxy = await startProxy(
      Number(new URL(database.url).port),
      (client, upstream) => void begin(client, upstream),
    );
    const url = Object.assign(new URL(database.url), { port: String(proxy.port), search: 'ssl-mode=REQUIRED' }).href;
    // How far the handshake has come when the end is noticed differs from one to the next.
    const failed = () =>
      openServer(url).then(
        () => 'open',
        () => 'failed',
      );
    for (let i = 0; i < 20; i += 1) expect(await failed()).toBe('failed');
    await proxy.close();
  },
);
