import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { createDatabase } from '../support/servers.ts';
import { startOwnCluster, type OwnCluster } from './own-cluster.ts';

/** Two gateways on one database with 30 seeded customers and a Redis Cluster of their own. */
export interface GatewaysOnCluster {
  readonly cluster: OwnCluster;
  readonly gateways: readonly [TestGateway, TestGateway];
  readonly close: () => Promise<void>;
}

/** @param known the nodes that the second gateway is given, from which it discovers the others; the first is given all */
export async function startGatewaysOnCluster(
  known: (urls: readonly string[]) => readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<GatewaysOnCluster> {
  const [database, cluster] = await Promise.all([createDatabase(), startOwnCluster('p-ss.word')]);
  await seedDatabase({ databaseUrl: database.url, customers: 30, ordersPerCustomer: 1, seed: 1 });
  const start = (urls: readonly string[]) =>
    startGateway({ databaseUrl: database.url, redisUrl: urls.join(','), settings: { ...PATIENT, ...settings } });
  const gateways = [await start(cluster.urls), await start(known(cluster.urls))] as const;
  const close = async (): Promise<void> => {
    await Promise.all(gateways.map((gateway) => gateway.close()));
    await cluster.close();
    await database.drop();
  };
  return { cluster, gateways, close };
}
