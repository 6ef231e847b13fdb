import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ANY_COST, PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { nodeId } from '../support/seeded.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { startCuttingProxy, type CuttingProxy } from './cutting-proxy.ts';

// Each ticket has a different agent, so that three statements load the agents of a page of pages.
const CUSTOMERS = 25;
const TICKETS = 100;
const ids = Array.from({ length: CUSTOMERS * TICKETS }, (_, i) => i + 1);
const AGENTS_BY_ID = /FROM agents AS t FORCE INDEX \(`PRIMARY`\) WHERE t\.id IN/;

describe('a batch', () => {
  let database: TestDatabase;
  let proxy: CuttingProxy;
  let gateway: TestGateway;
  beforeAll(async () => {
    database = await createDatabase();
    await withConnection(database.url, async (sql) => {
      const named = ids.map((id) => [id, `A${id}`]);
      await sql.batch('INSERT INTO agents (id, name, updated_at) VALUES (?, ?, NOW())', named);
      await sql.batch(
        'INSERT INTO customers (id, name, owner_id, updated_at) VALUES (?, ?, 1, NOW())',
        named.slice(0, CUSTOMERS),
      );
      await sql.batch(
        `INSERT INTO tickets (id, number, customer_id, assignee_id, subject, opened_at, updated_at)
         VALUES (?, ?, ?, ?, 'S', '2024-01-01', NOW())`,
        ids.map((id) => [id, `T${id}`, Math.ceil(id / TICKETS), id]),
      );
    });
    proxy = await startCuttingProxy(Number(new URL(database.url).port));
    const databaseUrl = Object.assign(new URL(database.url), { port: String(proxy.port) }).href;
    gateway = await startGateway({ databaseUrl, settings: { ...PATIENT, ...ANY_COST } });
  });
  afterAll(async () => {
    await gateway.close();
    await proxy.close();
    await database.drop();
  });

  test('of several statements, one of which fails, fails only for the fields that need that one', async () => {
    const ask = () =>
      gateway.request(`{ customers(first: ${CUSTOMERS}) { nodes {
        tickets(first: ${TICKETS}) { nodes { number assignee { name } } } } } }`);
    proxy.cutNext(AGENTS_BY_ID, 1);
    const cuts = proxy.cuts();
    const { data, errors } = await ask();
    const tickets: { number: string; assignee: { name: string } | null }[] = data.customers.nodes.flatMap(
      (customer: { tickets: { nodes: object[] } }) => customer.tickets.nodes,
    );
    expect(proxy.cuts()).toBe(cuts + 1);
    expect(tickets).toHaveLength(ids.length);
    const without = tickets.filter(({ assignee }) => assignee === null);
    expect([500, 1_000]).toContain(without.length);
    expect(errors).toHaveLength(without.length);
    expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['SERVICE_UNAVAILABLE']));
    for (const { number, assignee } of tickets)
      if (assignee !== null) expect(assignee.name).toBe(number.replace('T', 'A'));
    expect((await ask()).errors).toEqual([]);
  });

  test('that has failed is not sent again for a deeper level of the same query', async () => {
    proxy.cutNext(AGENTS_BY_ID, 1);
    let answer: Awaited<ReturnType<TestGateway['request']>> | undefined;
    const statements = await gateway.statementsOf(async () => {
      answer = await gateway.request(`{ customer(by: { id: "${nodeId('Customer', 1)}" }) { owner { name }
        tickets(first: 1, orderBy: { field: OPENED_AT }) { nodes { assignee { name } } } } }`);
    });
    expect(answer?.data.customer).toEqual({ owner: null, tickets: { nodes: [{ assignee: null }] } });
    const codes = answer?.errors.map(({ extensions }) => extensions.code);
    expect(codes).toEqual(['SERVICE_UNAVAILABLE', 'SERVICE_UNAVAILABLE']);
    expect(statements.get('Agent by id')).toBe(1);
  });
});
