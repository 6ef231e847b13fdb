import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { startGatewaysOnCluster, type GatewaysOnCluster } from './gateways-on-cluster.ts';

describe('a Redis Cluster with a password', () => {
  let started: GatewaysOnCluster;
  beforeAll(async () => {
    started = await startGatewaysOnCluster((urls) => urls.slice(0, 2));
  });
  afterAll(() => started.close());

  test('stores responses on every node, and writes invalidate them for every gateway', async () => {
    const {
      cluster,
      gateways: [a, b],
    } = started;
    const query =
      'query($n: Int) { customers(first: $n) { nodes { name } totalCount } products(first: 1) { nodes { sku } } }';
    const results = async (of: TestGateway) => {
      const counts = Array.from({ length: 20 }, (_, i) => i + 1);
      const answers = await Promise.all(counts.map((n) => of.request(query, { variables: { n } })));
      expect(answers.map(({ errors }) => errors.length)).toEqual(counts.map(() => 0));
      return new Set(answers.map((answer) => `${answer.headers.get('x-cache')} ${answer.data.customers.totalCount}`));
    };
    for (const one of [b, a])
      await until(
        'every node to be used',
        () => results(one),
        (seen) => !seen.has('BYPASS 30'),
      );
    const failures = await a.metric('concierge_redis_failures_total');
    expect([...(await results(a))]).toEqual(['HIT 30']);
    expect([...(await results(b))]).toEqual(['HIT 30']);
    const sizes = await Promise.all(cluster.nodes.map((node) => node.dbsize()));
    expect(Math.min(...sizes)).toBeGreaterThan(0);
    await a.data('mutation { createCustomer(input: {name: "Ada"}) { userErrors { code } } }');
    expect([...(await results(b))]).toEqual(['MISS 31']);
    // They are stored once the gateway that stored them finds them.
    expect([...(await results(b))]).toEqual(['HIT 31']);
    expect([...(await results(a))]).toEqual(['HIT 31']);
    expect(await a.metric('concierge_redis_failures_total')).toBe(failures);
  });
});
