import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { ask } from '../http/ask.ts';
import { statusesIn } from '../http/raw-socket.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';
import { openFrom } from './attacks.ts';

const REQUESTS = 60;

let database: TestDatabase;
let gateway: TestGateway;
beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 20, ordersPerCustomer: 2, seed: 1 });
  const settings = { ...PATIENT, CACHE_PREFIX: `hits-${process.pid}:` };
  gateway = await startGateway({ databaseUrl: database.url, redisUrl: redisUrl(), settings });
  await untilRedisUp(gateway);
});
afterAll(async () => {
  await gateway.close();
  await database.drop();
});

const post = (body: object): string => {
  const text = JSON.stringify(body);
  return `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
};
const write = (number: number): string =>
  post({
    query: 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }',
    variables: { input: { id: nodeId('Customer', 1), company: `Company ${number}` } },
  });
const read = (number: number): string =>
  post({ query: `{ a${number}: customers(first: 20) { nodes { name orders(first: 2) { nodes { number } } } } }` });

test('a client that pipelines many reads and writes keeps nobody else from a hit', async () => {
  const url = `${gateway.url}/graphql?query=${encodeURIComponent('{ products(first: 5) { nodes { name } } }')}`;
  const look = async () => (await ask(url, {}, { localAddress: '127.0.0.3' })).headers['x-cache'];
  await until('a hit', look, (result) => result === 'HIT');
  let received = '';
  const greedy = openFrom('127.0.0.2', Number(new URL(gateway.url).port));
  greedy.setEncoding('utf8').on('data', (text: string) => (received += text));
  greedy.write(Array.from({ length: REQUESTS }, (_, i) => (i % 2 === 0 ? write(i) : read(i))).join(''));
  const seen = new Set<unknown>();
  // Without a pause, so that there are many of them on a fast machine too.
  while (statusesIn({ text: received, closed: false }).length < REQUESTS) seen.add(await look());
  greedy.destroy();
  expect([...seen]).toEqual(['HIT']);
});
