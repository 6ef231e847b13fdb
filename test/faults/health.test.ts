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
  const { result, tookMs } = await measured(async () => {
    const response = await fetch(`${gateway.url}${path}`);
    return { status: response.status, body: await response.json() };
  });
  return { ...result, tookMs };
};

/** Polls until the readiness is this one, within the time that recovery may take. */
async function readiness(gateway: TestGateway, wanted: object, before: () => Promise<unknown> = async () => undefined) {
  const look = async () => {
    await before();
    return ask(gateway, '/health/ready');
  };
  return within(BACK_MS, 'another readiness', () =>
    until(
      `readiness to be ${JSON.stringify(wanted)}`,
      look,
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
  /** Only a request finds out whether Redis answers in time again. */
  const untilOk = () => readiness(gateway, states('ok', 'up', 'up'), () => gateway.request(CUSTOMERS));

  test('is "ready" with MySQL and Redis, and reports each of them', async () => {
    expect((await untilOk()).status).toBe(200);
    expect(await ask(gateway, '/health/live')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  test('is "ready" without Redis if none is configured', async () => {
    const without = await startGateway({ databaseUrl: servers.database.url });
    expect((await readiness(without, states('ok', 'up', 'not used'))).status).toBe(200);
    await without.close();
  });

  test.each([
    ['was killed', () => servers.redis.kill(), () => servers.redis.start()],
    [
      'hangs',
      async () => {
        servers.redis.pause();
        // Only a request finds out.
        await gateway.request(CUSTOMERS);
      },
      async () => servers.redis.resume(),
    ],
  ])('is "degraded" but ready if Redis %s', async (_, cause, mend) => {
    await untilOk();
    await cause();
    expect((await readiness(gateway, states('degraded', 'up', 'down'))).status).toBe(200);
    await mend();
    expect((await untilOk()).status).toBe(200);
  });

  test.each([
    ['was killed', () => servers.database.kill(), () => servers.database.start()],
    ['hangs', async () => servers.database.pause(), async () => servers.database.resume()],
  ])('is "not ready" but alive if MySQL %s, and says so within a second or two', async (_, cause, mend) => {
    await untilOk();
    await cause();
    try {
      const found = await readiness(gateway, states('unavailable', 'down', 'up'));
      expect(found.status).toBe(503);
      assertTime('an answer that it is not ready', found.tookMs, 2_000);
      const live = await ask(gateway, '/health/live');
      expect(live.status).toBe(200);
      assertTime('an answer that it is alive', live.tookMs, 1_000);
    } finally {
      await mend();
    }
    expect((await untilOk()).status).toBe(200);
    expect((await gateway.request(CUSTOMERS)).errors).toEqual([]);
  });
});
