import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runImport } from '../../src/cli/import.ts';
import { captureCli } from '../cli/captured-cli.ts';
import { cleanUpImports, customers, folderOf, freshDatabase, mappingOf, orders } from '../cli/import-run.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { redisUrl } from '../support/servers.ts';
import { subscribe, type EventReader, type StreamedEvent } from './event-reader.ts';

let databaseUrl: string;
let prefix: string;
let gateway: TestGateway;
let stream: EventReader;
beforeAll(async () => {
  databaseUrl = await freshDatabase();
  prefix = `${databaseUrl}:`;
  gateway = await startGateway({
    databaseUrl,
    redisUrl: redisUrl(),
    settings: { ...PATIENT, CACHE_PREFIX: prefix },
  });
});
afterAll(async () => {
  stream.close();
  await gateway.close();
  await cleanUpImports();
});

/** Imports with the gateways' Redis. */
async function importFiles(files: Readonly<Record<string, string>>, targets: Readonly<Record<string, object>>) {
  const folder = await folderOf({ ...files, 'mapping.yaml': JSON.stringify(mappingOf(targets)) });
  const cache = { urls: [redisUrl()], prefix, timeoutMs: 10_000 };
  const args = { folder, mapping: `${folder}/mapping.yaml`, rejects: folder, cache };
  expect(await runImport(args, captureCli().cli, databaseUrl)).toBe(0);
}

const QUERY = `subscription($id: ID!) {
  customerChanged(id: $id) { version summary { orderCount } orders(first: 5) { totalCount nodes { number } } }
}`;
const customerIn = ({ data }: StreamedEvent) => data.data.customerChanged;

// A new order changes neither its customer's version nor the record of changes, which are looked at regularly.
test('a subscription shows an order that an import adds', async () => {
  await importFiles({ 'customers.csv': 'id,name,email\n1,Ada,\n' }, { customers });
  const { id } = (await gateway.data('{ customers(first: 1) { nodes { id } } }')).customers.nodes[0];
  stream = await subscribe(gateway.url, QUERY, { variables: { id } });
  const [before] = (await stream.until(({ data }) => data.extensions.stream.state === 'LIVE')).slice(-1);
  expect(before && customerIn(before)).toMatchObject({ version: 1, orders: { totalCount: 0 } });
  await importFiles({ 'orders.csv': 'no,customer\nO1,1\n' }, { orders });
  const events = await stream.until((event) => customerIn(event).orders.totalCount === 1);
  expect(customerIn(events.at(-1) as StreamedEvent)).toEqual({
    version: 1,
    summary: { orderCount: 1 },
    orders: { totalCount: 1, nodes: [{ number: 'O1' }] },
  });
});
