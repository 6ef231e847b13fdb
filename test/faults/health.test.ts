import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { assertTime, measured, until, within } from '../support/patience.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';

const CUSTOMERS = '{ customers { totalCount } }';
const BACK_MS = 5_000;

let servers: OwnServers;
beforeAll(async () => {
  servers = await startOwnServers();
});
afterAll(() => servers.close());

const ask = async (gateway: TestGateway, path: string) => {
  const { result, tookMs } = await measured(() => fetch(`${gateway.url}${path}`));
  return { status: result.status, body: await result.json(), tookMs };
};

/** Asks until the readiness is this one. */
function readiness(gateway: TestGateway, wanted: object) {
  return within(BACK_MS, 'noticing', () =>
    until(
      `the readiness ${JSON.stringify(wanted)}`,
      () => ask(gateway, '/health/ready'),
      ({ body }) => JSON.stringify(body) === JSON.stringify(wanted),
    ),
  );
}

describe('the health of a gateway', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway({ databaseUrl: servers.database.url, redisUrl: servers.redis.url });
  });
  afterAll(() => gateway.close());

  const states = (status: string, database: string, redis: string) => ({ status, dependencies: { database, redis } });

  test('is ready with MySQL and Redis, and says so of each', async () => {
    expect((await readiness(gateway, states('ok', 'up', 'up'))).status).toBe(200);
    expect(await ask(gateway, '/health/live')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  test('is ready without a Redis that was never asked for', async () => {
    const without = await startGateway({ databaseUrl: servers.database.url });
    expect(await ask(without, '/health/ready')).toMatchObject({ status: 200, body: states('ok', 'up', 'not used') });
    await without.close();
  });

  test.each([
    ['was killed', () => servers.redis.kill(), () => servers.redis.start()],
    [
      'hangs',
      async () => {
        servers.redis.pause();
        // It takes a request to find out.
        await gateway.request(CUSTOMERS);
      },
      async () => {
        servers.redis.resume();
        await gateway.request(CUSTOMERS);
      },
    ],
  ])('is degraded and ready while Redis %s', async (_, cause, mend) => {
    await cause();
    expect((await readiness(gateway, states('degraded', 'up', 'down'))).status).toBe(200);
    await mend();
    await within(BACK_MS, 'coming back', () =>
      until(
        'Redis to be up',
        async () => {
          await gateway.request(CUSTOMERS);
          return ask(gateway, '/health/ready');
        },
        ({ body }) => body.status === 'ok',
      ),
    );
    expect(await readiness(gateway, states('ok', 'up', 'up'))).toMatchObject({ status: 200 });
  });

  test.each([
    ['was killed', () => servers.database.kill(), () => servers.database.start()],
    ['hangs', async () => servers.database.pause(), async () => servers.database.resume()],
  ])('is not ready but alive while MySQL %s, and says so within a second or two', async (_, cause, mend) => {
    await cause();
    try {
      const found = await readiness(gateway, states('unavailable', 'down', 'up'));
      expect(found.status).toBe(503);
      assertTime('saying that it is not ready', found.tookMs, 2_000);
      const live = await ask(gateway, '/health/live');
      expect(live.status).toBe(200);
      assertTime('saying that it is alive', live.tookMs, 1_000);
    } finally {
      await mend();
    }
    expect((await readiness(gateway, states('ok', 'up', 'up'))).status).toBe(200);
    expect((await gateway.request(CUSTOMERS)).errors).toEqual([]);
  });
});
