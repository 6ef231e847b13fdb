import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { startProxy, type Proxy } from '../faults/proxy.ts';
import { readinessOf, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { startOwnSentinel, withClient, type OwnSentinel } from './own-sentinel.ts';
import { createNumberedCustomer, startStanding } from './standing-gateways.ts';

describe('after Sentinel has promoted the replica of a primary that hung', () => {
  let database: TestDatabase;
  let redis: OwnSentinel;
  /** Where new connections of each gateway go, as with a name whose address is changed. */
  let targets: [number, number];
  let proxies: readonly [Proxy, Proxy];
  let a: TestGateway;
  let b: TestGateway;
  beforeAll(async () => {
    [database, redis] = await Promise.all([createDatabase(), startOwnSentinel()]);
    await seedDatabase({ databaseUrl: database.url, customers: 3, ordersPerCustomer: 1, seed: 1 });
    targets = [redis.primary.port, redis.primary.port];
    const start = (i: 0 | 1) =>
      startProxy(
        () => targets[i],
        (client, upstream) => client.pipe(upstream).pipe(client),
      );
    proxies = [await start(0), await start(1)];
    const behind = ({ port }: Proxy) => startStanding(database.url, `redis://127.0.0.1:${port}`);
    [a, b] = [await behind(proxies[0]), await behind(proxies[1])];
  });
  afterAll(async () => {
    redis.primary.child.signal('SIGCONT');
    await Promise.all([a.close(), b.close()]);
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await redis.close();
    await database.drop();
  });

  test('no gateway serves stale answers, not even one that is still connected to the old primary', async () => {
    const customer = createNumberedCustomer();
    await customer.write(a);
    await customer.untilHit(a, b);
    const [old, promoted] = [redis.primary.port, redis.replica.port];
    await withClient(old, (client) => client.config('SET', 'min-replicas-to-write', '1'));
    await customer.whileReading(b, async () => {
      redis.primary.child.signal('SIGSTOP');
      await customer.write(a);
      await until('the fail-over', redis.primaryPort, (port) => port === promoted);
      await customer.write(a);
      // The first gateway moves to the new primary, and the second one does not yet.
      targets[0] = promoted;
      proxies[0].destroyAll();
      await customer.untilHit(a);
      await customer.write(a);
      redis.primary.child.signal('SIGCONT');
      await until(
        'the old primary to refuse',
        () => readinessOf(b),
        ({ dependencies }) => dependencies.redis === 'refusing',
      );
      for (let i = 0; i < 5; i += 1) await customer.write(a);
      // It is demoted, by Sentinel some ten seconds later or by this.
      targets[1] = promoted;
      await withClient(old, (client) => client.replicaof('127.0.0.1', promoted));
      await customer.untilHit(b, a);
      for (let i = 0; i < 5; i += 1) await customer.write(a);
      await customer.untilHit(b, a);
    });
    expect(customer.staleAnswers()).toEqual([]);
  });
});
