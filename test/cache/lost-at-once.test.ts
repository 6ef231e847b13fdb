import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { PATIENCE_MS, until } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { startOwnRedisPair, type OwnRedisPair } from './own-redis-pair.ts';
import { createNumberedCustomer } from './standing-gateways.ts';

/** How often each gateway looks at the log, five times a second, before nothing more is expected to be said. */
const LOOKS = 10;

let database: TestDatabase;
let redis: OwnRedisPair;
/** The server that has missed the latest writes. */
let older: Redis;
let monitor: Redis;
let a: TestGateway;
let b: TestGateway;
const customer = createNumberedCustomer();
/** By connection: how often everything was made stale, and how often the log was looked at. */
const said = new Map<string, { all: number; looks: number }>();
beforeAll(async () => {
  [database, redis] = await Promise.all([createDatabase(), startOwnRedisPair()]);
  await seedDatabase({ databaseUrl: database.url, customers: 3, ordersPerCustomer: 1, seed: 1 });
  older = new Redis(redis.ports[0], '127.0.0.1');
  // Before anybody else uses it: the client takes what is reported before its request is answered for the answer.
  monitor = await older.monitor();
  monitor.on('monitor', (_time: string, [command = '', ...args]: string[], source: string) => {
    const of = said.get(source) ?? { all: 0, looks: 0 };
    if (command === 'xadd' && args[args.indexOf('tags') + 1] === '*') of.all += 1;
    if (command === 'xtrim') of.looks += 1;
    if (of.all > 0 || of.looks > 0) said.set(source, of);
  });
  const start = () => startGateway({ databaseUrl: database.url, redisUrl: redis.url, settings: PATIENT });
  [a, b] = [await start(), await start()];
});
afterAll(async () => {
  await Promise.all([a.close(), b.close()]);
  monitor.disconnect();
  older.disconnect();
  await redis.close();
  await database.drop();
});

/** How often each gateway has made everything stale, once both have looked at the log that often. */
const untilLooked = async (looks: number): Promise<readonly number[]> => {
  const found = await until(
    'both gateways to look at the log',
    () => [...said.values()],
    (now) => now.length === 2 && now.every((of) => of.looks >= looks),
  );
  return found.map(({ all }) => all);
};

// More than once, since then both servers have entries that both gateways have read.
test.each([1, 2, 3])(
  'two gateways that find at the same moment that the log was lost make everything stale once each, time %i',
  async () => {
    await customer.writeToSecond(redis, a, b);
    // Both read the old log, and neither goes on before Redis accepts writes, by which each look proves itself.
    await older.call('CLIENT', 'PAUSE', PATIENCE_MS, 'WRITE');
    said.clear();
    redis.use(0);
    const reading = Promise.all([a, b, a, b].map((from) => customer.read(from)));
    await until(
      'both gateways to wait',
      async () => /^blocked_clients:(\d+)/m.exec(await older.info('clients'))?.[1],
      (blocked) => Number(blocked) >= 2,
    );
    await older.call('CLIENT', 'UNPAUSE');
    await reading;
    await Promise.all([a, b].map((one) => customer.whileReading(one, () => customer.untilHit(one))));

    const before = await untilLooked(LOOKS);
    expect(before).toEqual([1, 1]);
    // They agree: what one stores is a hit of the other, also after further writes of both.
    for (const one of [a, b, a]) {
      await customer.write(one);
      await customer.untilHit(b, a);
    }
    expect(await untilLooked(3 * LOOKS)).toEqual(before);
    expect(customer.staleAnswers()).toEqual([]);
  },
);
