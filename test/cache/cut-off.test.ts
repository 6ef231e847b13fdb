import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { startProxy, type Proxy } from '../faults/proxy.ts';
import { PATIENT_WITH_DATABASE, startGateway, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { startOwnServers, withConnection, type OwnServers } from '../support/servers.ts';
import { createNumberedCustomer, startStanding } from './standing-gateways.ts';

const SUSPENSIONS = 'concierge_cache_suspensions_total';

let servers: OwnServers;
let proxy: Proxy;
let isCut = false;
/** Reaches Redis only while it is not cut off. */
let cutOff: TestGateway;
let other: TestGateway;
const customer = createNumberedCustomer();
/** The URL of Redis by way of the proxy. */
const proxied = () => Object.assign(new URL(servers.redis.url), { port: String(proxy.port) }).href;

beforeAll(async () => {
  servers = await startOwnServers();
  await seedDatabase({ databaseUrl: servers.database.url, customers: 3, ordersPerCustomer: 1, seed: 1 });
  proxy = await startProxy(Number(new URL(servers.redis.url).port), (client, upstream) => {
    if (isCut) return void client.destroy();
    client.on('data', (data: Buffer) => upstream.write(data));
    upstream.on('data', (data: Buffer) => client.write(data));
  });
  [cutOff, other] = await Promise.all([
    startStanding(servers.database.url, proxied()),
    startStanding(servers.database.url, servers.redis.url),
  ]);
});
afterAll(async () => {
  await Promise.all([cutOff.close(), other.close()]);
  await proxy.close();
  await servers.close();
});

const cut = (): void => {
  isCut = true;
  proxy.destroyAll();
};
const mend = (): void => {
  isCut = false;
};
const sql = (statement: string) =>
  withConnection(servers.database.url, (connection) => connection.query<Record<string, unknown>[]>(statement));
const suspended = () => sql('SELECT gateway FROM cache_suspensions');
const untilUnused = (gateway: TestGateway) =>
  until(
    'no use of cached responses',
    () => customer.read(gateway),
    (result) => result === 'BYPASS',
  );

describe('while one gateway alone cannot reach Redis', () => {
  test('others answer nothing from before its writes, and use the cache again once Redis was told', async () => {
    await customer.write(cutOff);
    await customer.untilHit(cutOff, other);
    await customer.whileReading(other, async () => {
      cut();
      try {
        for (let writes = 0; writes < 5; writes += 1) await customer.write(cutOff);
        await untilUnused(other);
        expect(await cutOff.metric(SUSPENSIONS)).toBe(1);
        expect(await suspended()).toHaveLength(1);
      } finally {
        mend();
      }
      await customer.untilHit(cutOff, other);
      await until('the suspension to be over', suspended, ({ length }) => length === 0);
      await customer.write(cutOff);
      await customer.untilHit(cutOff, other);
    });
    expect(customer.staleAnswers()).toEqual([]);
  });

  test('one that starts does not use the cache either', async () => {
    await customer.untilHit(cutOff, other);
    cut();
    await customer.write(cutOff);
    const starting = await startStanding(servers.database.url, servers.redis.url);
    try {
      await until(
        'it to know of the suspension',
        async () => (await starting.request(customer.query, { headers: { 'graphql-cache': 'report' } })).extensions,
        (extensions) => extensions?.cache?.because === 'another gateway cannot tell of its writes',
      );
      await customer.read(starting);
    } finally {
      mend();
    }
    await customer.untilHit(starting);
    await starting.close();
    expect(customer.staleAnswers()).toEqual([]);
  });

  test('others answer from before its writes if it does not tell them', async () => {
    const silent = await startGateway({
      databaseUrl: servers.database.url,
      redisUrl: proxied(),
      settings: PATIENT_WITH_DATABASE,
      redisIsPrivate: true,
    });
    await customer.write(other);
    await customer.untilHit(silent, other);
    cut();
    try {
      await until(
        'a response of before',
        async () => {
          await customer.write(silent);
          await customer.read(other);
          return customer.staleAnswers().length;
        },
        (count) => count > 0,
      );
    } finally {
      mend();
    }
    await silent.close();
    // Its last writes may have ended with it.
    await customer.write(other);
    customer.staleAnswers();
  });
});

test('a gateway that has ended meanwhile is not waited for: everything that is stored becomes stale', async () => {
  await customer.untilHit(other);
  const [before] = await sql('SELECT name, id FROM customers WHERE id = 1');
  // What it has written, and could not tell Redis of.
  await sql("UPDATE customers SET name = CONCAT(name, '0') WHERE id = 1");
  await sql("INSERT INTO cache_suspensions VALUES ('gone', UTC_TIMESTAMP(3) - INTERVAL 31 SECOND)");
  await until(
    'the suspension to be over',
    async () => {
      await customer.read(other);
      return suspended();
    },
    ({ length }) => length === 0,
  );
  await customer.untilHit(other);
  const { data } = await other.request(customer.query);
  expect(data.customer.name).toBe(`${String(before?.['name'])}0`);
});
