import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bearing, BY_SECRET, tokenOf } from '../access/tokens.ts';
import { lockTable } from '../faults/table-lock.ts';
import { PATIENT } from '../support/gateway.ts';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import { orGiveUp, until } from '../support/patience.ts';

const ORDERS = '{ orders(first: 1) { nodes { number } } }';

let gateway: OwnGateway;
beforeAll(async () => {
  const limits = {
    LIMIT_CONCURRENT_COST: '40',
    LIMIT_CONCURRENT_COST_PER_CLIENT: '10',
    LIMIT_REQUESTS_PER_CLIENT: '30',
  };
  gateway = await startOwnGateway({ ...PATIENT, ...limits });
});
afterAll(() => gateway.close());

/** Sends a query from an address of this machine, and resolves with the status of its response. */
const ask = (query: string, localAddress: string, { to = gateway, token = '' } = {}): Promise<number> =>
  orGiveUp(
    `a response to ${query}`,
    new Promise((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json',
        ...(token === '' ? {} : bearing(token)),
      };
      const sent = request(`${to.url}/graphql`, { method: 'POST', localAddress, headers, agent: false });
      sent.on('response', (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      });
      sent.on('error', reject).end(JSON.stringify({ query }));
    }),
  );

test('a client with many slow queries waits for them, and others are answered meanwhile', async () => {
  const lock = await lockTable(gateway.databaseUrl, 'orders');
  const greedy = Array.from({ length: 20 }, () => ask(ORDERS, '127.0.0.2'));
  // Each costs 3, so that three of them are executed.
  await until(
    'all but three to wait for their turn',
    () => gateway.metric('concierge_executions_waiting'),
    (waiting) => waiting === 17,
  );
  await lock.waiting(3);
  expect(await lock.statements()).toBe(3);
  for (const address of ['127.0.0.3', '127.0.0.4'])
    expect(await ask('{ agents(first: 1) { nodes { name } } }', address)).toBe(200);
  await lock.release();
  expect(await Promise.all(greedy)).toEqual(greedy.map(() => 200));
});

test('a client with more requests under way than allowed gets 429, and others are answered', async () => {
  const lock = await lockTable(gateway.databaseUrl, 'orders');
  const allowed = Array.from({ length: 30 }, () => ask(ORDERS, '127.0.0.2'));
  await until(
    'all of them to wait',
    () => gateway.metric('concierge_executions_waiting'),
    (waiting) => waiting === 27,
  );
  expect(await ask(ORDERS, '127.0.0.2')).toBe(429);
  expect(await ask('{ agents(first: 1) { nodes { name } } }', '127.0.0.3')).toBe(200);
  expect(await ask(ORDERS, '127.0.0.2')).toBe(429);
  expect(await gateway.metric('concierge_http_requests_refused_total')).toBe(2);
  expect(gateway.logLines.filter((line) => line.includes('LIMIT_REQUESTS_PER_CLIENT'))).toHaveLength(1);
  await lock.release();
  expect(await Promise.all(allowed)).toEqual(allowed.map(() => 200));
});

test('a caller with a name is one client wherever it comes from, and another one from the same address is another client', async () => {
  const to = await startOwnGateway({ ...PATIENT, ...BY_SECRET, LIMIT_REQUESTS_PER_CLIENT: '2' });
  try {
    const [ada, ben] = await Promise.all(['ada', 'ben'].map((sub) => tokenOf({ sub, scope: 'crm:read' })));
    const lock = await lockTable(to.databaseUrl, 'orders');
    const allowed = ['127.0.0.2', '127.0.0.3'].map((from, i) =>
      ask(`{ orders(first: ${i + 1}) { nodes { number } } }`, from, { to, token: ada }),
    );
    await until(
      'both to be under way',
      () => to.metric('concierge_executions_total'),
      (count) => count === 2,
    );
    const agents = '{ agents(first: 1) { nodes { name } } }';
    expect(await ask(agents, '127.0.0.4', { to, token: ada })).toBe(429);
    expect(await ask(agents, '127.0.0.2', { to, token: ben })).toBe(200);
    await lock.release();
    expect(await Promise.all(allowed)).toEqual([200, 200]);
  } finally {
    await to.close();
  }
});
