import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { startGatewaysOnCluster, type GatewaysOnCluster } from '../cache/gateways-on-cluster.ts';
import type { TestGateway } from '../support/gateway.ts';
import { CHANGED, subscribe, type StreamedEvent } from './event-reader.ts';

const UPDATE = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';
const companyIn = ({ data }: StreamedEvent) => data.data.customerChanged.company;
const stateIn = ({ data }: StreamedEvent) => data.extensions.stream.state;

describe('with a Redis Cluster', () => {
  let started: GatewaysOnCluster;
  beforeAll(async () => {
    started = await startGatewaysOnCluster((urls) => urls.slice(1));
  });
  afterAll(() => started.close());

  test('writes reach every gateway, whichever node it listens to, and a gateway switches nodes when its node is lost', async () => {
    const { cluster, gateways } = started;
    const [a, b] = gateways;
    const { nodes } = (await a.data('{ customers(first: 6) { nodes { id } } }')).customers;
    const ids = (nodes as { id: string }[]).map(({ id }) => id);
    const streams = await Promise.all(
      gateways.flatMap((gateway) => ids.map((id) => subscribe(gateway.url, CHANGED, { variables: { id } }))),
    );
    for (const stream of streams) await stream.until((event) => stateIn(event) === 'LIVE');
    const writeAll = async (gateway: TestGateway, company: string) => {
      for (const id of ids) await gateway.data(UPDATE, { input: { id, company } });
      for (const stream of streams) await stream.until((event) => companyIn(event) === company);
    };
    await writeAll(a, 'One Ltd');
    await writeAll(b, 'Two Ltd');
    await Promise.all(cluster.nodes.map((node) => node.call('CLIENT', 'KILL', 'TYPE', 'pubsub')));
    // INTERRUPTED comes first, if there was time to send it.
    for (const stream of streams) await stream.until((event) => stateIn(event) === 'LIVE');
    await writeAll(a, 'Three Ltd');
    await writeAll(b, 'Four Ltd');
    for (const stream of streams) stream.close();
  });
});
