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

test('after a failover of the node with the log of writes, none that it has lost leaves anything stale', async () => {
  // A gateway that answers from memory would have read the log before the mutation is answered.
  const started = await startGatewaysOnCluster((urls) => urls, { CACHE_NEAR_BYTES: '0' });
  const {
    cluster,
    gateways: [a, b],
  } = started;
  try {
    const { primary, replica } = await cluster.addReplica('concierge:invalidations');
    const query =
      'query($n: Int) { customers(first: $n, orderBy: { field: NAME, direction: ASC }) { nodes { name } } }';
    const [{ id }] = (
      await a.data('{ customers(first: 1, orderBy: { field: NAME, direction: ASC }) { nodes { id } } }')
    ).customers.nodes;
    const counts = Array.from({ length: 20 }, (_, i) => i + 1);
    const ask = async () => {
      const answers = await Promise.all(counts.map((n) => b.request(query, { variables: { n } })));
      return answers.map((answer) => ({
        cache: answer.headers.get('x-cache'),
        first: answer.data.customers.nodes[0].name,
      }));
    };
    await until('cached responses', ask, (answers) => answers.every(({ cache }) => cache === 'HIT'));
    // From here on, nothing reaches the replica.
    await replica.config('SET', 'masterauth', 'wrong');
    await primary.call('CLIENT', 'KILL', 'TYPE', 'replica');
    await until('the replica to be cut off', async () =>
      /master_link_status:down/.test(await replica.info('replication')),
    );
    const update = 'mutation($id: ID!) { updateCustomer(input: { id: $id, name: "!" }) { userErrors { code } } }';
    expect(await a.data(update, { id })).toEqual({ updateCustomer: { userErrors: [] } });
    await replica.cluster('FAILOVER', 'TAKEOVER');
    await until('the primary to be demoted', async () => /role:slave/.test(await primary.info('replication')));
    const results: string[] = [];
    await until('the cache to be used again', async () => {
      const answers = await ask();
      expect(answers.filter(({ first }) => first !== '!')).toEqual([]);
      results.push(...answers.map(({ cache }) => String(cache)));
      return answers.every(({ cache }) => cache === 'HIT');
    });
    expect(results).toContain('MISS');
  } finally {
    await started.close();
  }
});
