import http from 'node:http';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startSeededGateway, type SeededGateway } from '../support/seeded.ts';

let gateway: SeededGateway;

beforeAll(async () => {
  gateway = await startSeededGateway(100);
});

afterAll(() => gateway.close());

const QUERY = `query ($to: DateTime!) {
  customers(first: 50, filter: { createdAt: { to: $to } }) { nodes { id name email status createdAt } }
}`;

/** Not by `fetch`, whose own objects survive. */
const send = async (agent: http.Agent, number: number): Promise<void> => {
  const body = JSON.stringify({ query: QUERY, variables: { to: new Date(4e12 + number).toISOString() } });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const request = http.request(`${gateway.url}/graphql`, { method: 'POST', agent, headers });
  request.end(body);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode));
    });
  });
  expect(status).toBe(200);
};

test('what belongs to a request is young garbage once it is over', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void;
  setFlagsFromString('--no-expose-gc');
  const oldBytes = () =>
    getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')?.space_used_size ?? 0;
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let number = 0; number < 200; number += 1) await send(agent, number);
  collect();
  const before = oldBytes();
  for (let number = 200; number < 600; number += 1) {
    await send(agent, number);
    // What has survived the second time is old.
    if (number % 20 === 0) collect({ type: 'minor' });
  }
  agent.destroy();
  // A response and its rows take 20,000 (2026-11-29).
  expect((oldBytes() - before) / 400).toBeLessThan(10_000);
});
