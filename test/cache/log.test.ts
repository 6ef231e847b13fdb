import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';

const ID = nodeId('Customer', 1);
const QUERY = `{ customer(by: {id: "${ID}"}) { name } }`;
const UPDATE = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';

describe('the log of writes in Redis', () => {
  let servers: OwnServers;
  let control: Redis;
  let a: TestGateway;
  let b: TestGateway;
  const start = (settings = {}) =>
    startGateway({
      databaseUrl: servers.database.url,
      redisUrl: servers.redis.url,
      settings: { ...PATIENT, ...settings },
    });
  beforeAll(async () => {
    servers = await startOwnServers();
    await seedDatabase({ databaseUrl: servers.database.url, customers: 5, ordersPerCustomer: 1, seed: 1 });
    control = new Redis(servers.redis.url);
    control.on('error', () => undefined);
    [a, b] = [await start(), await start()];
  });
  afterAll(async () => {
    await Promise.all([a.close(), b.close()]);
    control.disconnect();
    await servers.close();
  });

  let renamed = 0;
  const rename = async (more: object = {}, by = a): Promise<string> => {
    renamed += 1;
    const input = { id: ID, name: `Name ${renamed}`, ...more };
    expect((await by.data(UPDATE, { input })).updateCustomer.userErrors).toEqual([]);
    return input.name;
  };
  const shown = async (of: TestGateway): Promise<string> => {
    const { data, headers } = await of.request(QUERY);
    return `${headers.get('x-cache')} ${data.customer.name}`;
  };
  /** Has a response stored that both find. */
  const stored = async (): Promise<string> => {
    const found = await until(
      'a cached response that both find',
      async () => [await shown(a), await shown(b)],
      (answers) => answers.every((one) => one.startsWith('HIT')),
    );
    return found[1]?.slice('HIT '.length) ?? '';
  };

  test('invalidates every earlier response if it is lost', async () => {
    await stored();
    const name = await rename();
    await control.del('concierge:invalidations');
    // The first reader starts a new log, which does not know of the write.
    expect(await shown(b)).toBe(`MISS ${name}`);
    // It is stored once its own gateway finds it.
    expect(await shown(b)).toBe(`HIT ${name}`);
    expect(await shown(a)).toBe(`HIT ${name}`);
  });

  test('invalidates every earlier response if entries were trimmed that a gateway has not read', async () => {
    const old = await stored();
    const name = await rename();
    await control.xtrim('concierge:invalidations', 'MAXLEN', 0);
    await control.xadd('concierge:invalidations', '*', 'tags', 'Order@7', 'server', '');
    expect(old).not.toBe(name);
    expect(await shown(b)).toBe(`MISS ${name}`);
  });

  test('is read completely by a gateway that starts later, however long it is', async () => {
    await stored();
    const fill = control.pipeline();
    for (let i = 0; i < 2_500; i += 1) fill.xadd('concierge:invalidations', '*', 'tags', `Order@${i}`, 'server', '');
    await fill.exec();
    // What both have in memory is from before these entries, of which nobody has told them. A write does.
    await rename();
    const name = await stored();
    const late = await start();
    try {
      await until(
        'the late gateway to have read the log',
        async () => (await late.request('{ products(first: 1) { nodes { id } } }')).headers.get('x-cache'),
        (result) => result !== 'BYPASS',
      );
      expect(await shown(late)).toBe(`HIT ${name}`);
      const next = await rename({}, late);
      expect(await shown(b)).toBe(`MISS ${next}`);
    } finally {
      await late.close();
    }
  });

  test.each([
    ['a read', async () => undefined],
    ['a write about something else', () => a.data(UPDATE, { input: { id: nodeId('Customer', 2), name: 'Other' } })],
  ])(
    'invalidates every response if Redis was restored to a state before a write, and %s finds it first',
    async (_, first) => {
      await stored();
      await control.save();
      const name = await rename();
      await servers.redis.kill();
      await servers.redis.start();
      // A new gateway does not know of the write.
      const fresh = await start();
      try {
        await first();
        for (const one of [fresh, a, b])
          await until(
            'a response from the cache',
            async () => {
              const [result, ...words] = (await shown(one)).split(' ');
              expect(words.join(' ')).toBe(name);
              return result;
            },
            (result) => result === 'HIT',
          );
      } finally {
        await fresh.close();
      }
    },
  );

  test('is deleted if Redis has no free memory', async () => {
    const [, limit] = (await control.config('GET', 'maxmemory')) as [string, string];
    await stored();
    await control.config('SET', 'maxmemory', '1');
    try {
      const name = await rename();
      for (const one of [b, a, b]) expect((await one.request(QUERY)).data.customer.name).toBe(name);
    } finally {
      await control.config('SET', 'maxmemory', limit);
    }
    expect(await stored()).toBe(`Name ${renamed}`);
  });

  test('gets an entry again if a write is repeated, since the first gateway may have died before it could append it', async () => {
    const deaf = await start({ CACHE_PREFIX: 'elsewhere:' });
    try {
      await stored();
      const key = { idempotencyKey: 'told-again' };
      const name = await rename(key, deaf);
      renamed -= 1;
      expect(await rename(key, a)).toBe(name);
      expect(await shown(b)).toBe(`MISS ${name}`);
    } finally {
      await deaf.close();
    }
  });
});
