import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { runImport } from '../../src/cli/import.ts';
import { runSeed } from '../../src/cli/seed.ts';
import { runVerify } from '../../src/cli/verify.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { redisUrl, withConnection } from '../support/servers.ts';
import { captureCli } from './captured-cli.ts';
import { cleanUpImports, customers, folderOf, freshDatabase, mappingOf } from './import-run.ts';

const QUERY = '{ customers(first: 5) { nodes { name } } }';

let url: string;
let prefix: string;
let gateway: TestGateway;

beforeEach(async () => {
  url = await freshDatabase();
  prefix = `${url}:`;
  const settings = { ...PATIENT, CACHE_PREFIX: prefix };
  gateway = await startGateway({ databaseUrl: url, redisUrl: redisUrl(), settings });
  await untilRedisUp(gateway);
});
afterEach(async () => {
  await gateway.close();
  await cleanUpImports();
});

/** Imports a customer with a name while the gateway is running. */
async function importName(name: string, redis: string) {
  const folder = await folderOf({
    'customers.csv': `id,name,email\n1,${name},\n`,
    'mapping.yaml': JSON.stringify(mappingOf({ customers })),
  });
  const { cli, output } = captureCli();
  const args = {
    folder,
    mapping: `${folder}/mapping.yaml`,
    rejects: folder,
    cache: { urls: [redis], prefix, timeoutMs: 10_000 },
  };
  return { exitCode: await runImport(args, cli, url), output: output() };
}

const ask = async () => {
  const { data, headers } = await gateway.request(QUERY);
  return [headers.get('x-cache'), data.customers.nodes.map((node: { name: string }) => node.name)];
};

describe('a gateway beside an import', () => {
  test('answers with the new rows once the import is done', async () => {
    expect(await ask()).toEqual(['MISS', []]);
    expect(await ask()).toEqual(['HIT', []]);
    expect((await importName('Ann', redisUrl())).exitCode).toBe(0);
    expect(await ask()).toEqual(['MISS', ['Ann']]);
    expect(await ask()).toEqual(['HIT', ['Ann']]);
    expect((await importName('Anna', redisUrl())).exitCode).toBe(0);
    expect(await ask()).toEqual(['MISS', ['Anna']]);
  });

  test('answers with what a seed and a repair have written', async () => {
    const cache = { urls: [redisUrl()], prefix, timeoutMs: 10_000 };
    const seed = { customers: 3, ordersPerCustomer: 1, seed: 1 };
    const names = async () => [(await gateway.request(QUERY)).headers.get('x-cache'), (await ask())[1]?.length];
    expect(await names()).toEqual(['MISS', 0]);
    expect(await runSeed({ ...seed, reset: false, cache }, captureCli().cli, url)).toBe(0);
    expect(await names()).toEqual(['MISS', 3]);
    expect(await runSeed({ ...seed, customers: 2, reset: true, cache }, captureCli().cli, url)).toBe(0);
    expect(await names()).toEqual(['MISS', 2]);
    await withConnection(url, (connection) => connection.query('UPDATE customer_stats SET order_count = 99'));
    const count = '{ customers(first: 1) { nodes { summary { orderCount } } } }';
    const counted = async () => (await gateway.data(count)).customers.nodes[0].summary.orderCount;
    expect(await counted()).toBe(99);
    expect(await runVerify({ repair: true, cache }, captureCli().cli, url)).toBe(1);
    expect(await counted()).not.toBe(99);
  });

  test('fails when Redis is down, and the import says so and writes its rows', async () => {
    const { exitCode, output } = await importName('Ann', 'redis://127.0.0.1:1');
    expect(exitCode).toBe(0);
    expect(output).toMatch(
      /^The gateways could not be told \(.*ECONNREFUSED.*\): they may serve stale responses .* subscriptions may miss/m,
    );
    expect(await ask()).toEqual(['MISS', ['Ann']]);
  });
});
