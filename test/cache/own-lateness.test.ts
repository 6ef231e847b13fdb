import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createOtherSuspensions, type OtherSuspensions } from '../../src/cache/other-suspensions.ts';
import type { CacheSuspension, CacheSuspensions } from '../../src/db/cache-suspensions.ts';
import { createError } from '../../src/errors.ts';

const ROW: CacheSuspension = { gateway: 'other', renewedAt: '', isAbandoned: false };

/** Keeps the event loop busy. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('a gateway that is busy for longer than a look for suspensions may take', () => {
  let server: Server;
  let socket: Socket;
  let others: OtherSuspensions;
  let warnings: unknown[];
  beforeEach(async () => {
    server = createServer((client) => client.pipe(client)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    warnings = [];
  });
  afterEach(async () => {
    others.close();
    socket.destroy();
    server.close();
    await once(server, 'close');
  });

  /** A database that answers at once, and a driver that needs two round trips. */
  const trips = async (): Promise<void> => {
    for (const trip of ['first', 'second']) {
      socket.write(trip);
      await once(socket, 'data');
    }
  };
  const looking = (read: CacheSuspensions['read']): OtherSuspensions =>
    createOtherSuspensions(
      { suspensions: { read } as CacheSuspensions, id: 'own' },
      { onAbandoned: () => undefined, warn: (error) => warnings.push(error) },
    );

  test('does not take the database for one that is down, though it has answered', async () => {
    others = looking(async () => {
      await trips();
      return [ROW];
    });
    const look = others.look();
    block(1_300);
    expect(await look).toBe(true);
  });

  test('looks again after a failure of which it may be the cause itself', async () => {
    let looks = 0;
    others = looking(async () => {
      looks += 1;
      await trips();
      // As a driver's own time limit does.
      if (looks === 1) throw createError('SERVICE_UNAVAILABLE', 'no connection in time');
      return [ROW];
    });
    const look = others.look();
    block(1_300);
    expect([await look, looks]).toEqual([true, 2]);
  });

  test('takes one for down that does not answer, whenever it was busy before', async () => {
    others = looking(() => new Promise(() => undefined));
    const look = others.look();
    block(1_300);
    expect(await look).toBe(false);
    expect(warnings).toEqual([]);
  });
});
