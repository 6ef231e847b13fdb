import { expect, test } from '@jest/globals';
import { ANY_COST, PATIENT, startGateway } from '../support/gateway.ts';
import { createDatabase, withConnection } from '../support/servers.ts';
import { startCuttingProxy } from './cutting-proxy.ts';

// Each ticket has a different agent, so that three statements load the agents of a page of pages.
const CUSTOMERS = 25;
const TICKETS = 100;
const ids = Array.from({ length: CUSTOMERS * TICKETS }, (_, i) => i + 1);
const AGENTS_BY_ID = /FROM agents AS t FORCE INDEX \(`PRIMARY`\) WHERE t\.id IN/;

test('if one of several statements of a batch fails, only the fields that need it fail', async () => {
  const database = await createDatabase();
  await withConnection(database.url, async (sql) => {
    const named = ids.map((id) => [id, `A${id}`]);
    await sql.batch('INSERT INTO agents (id, name, updated_at) VALUES (?, ?, NOW())', named);
    await sql.batch('INSERT INTO customers (id, name, updated_at) VALUES (?, ?, NOW())', named.slice(0, CUSTOMERS));
    await sql.batch(
      `INSERT INTO tickets (id, number, customer_id, assignee_id, subject, opened_at, updated_at)
       VALUES (?, ?, ?, ?, 'S', '2024-01-01', NOW())`,
      ids.map((id) => [id, `T${id}`, Math.ceil(id / TICKETS), id]),
    );
  });
  const proxy = await startCuttingProxy(Number(new URL(database.url).port));
  const databaseUrl = Object.assign(new URL(database.url), { port: String(proxy.port) }).href;
  const gateway = await startGateway({ databaseUrl, settings: { ...PATIENT, ...ANY_COST } });
  const ask = () =>
    gateway.request(`{ customers(first: ${CUSTOMERS}) { nodes {
      tickets(first: ${TICKETS}) { nodes { number assignee { name } } } } } }`);

  proxy.cutNext(AGENTS_BY_ID, 1);
  const { data, errors } = await ask();
  const tickets: { number: string; assignee: { name: string } | null }[] = data.customers.nodes.flatMap(
    (customer: { tickets: { nodes: object[] } }) => customer.tickets.nodes,
  );
  expect(proxy.cuts()).toBe(1);
  expect(tickets).toHaveLength(ids.length);
  const without = tickets.filter(({ assignee }) => assignee === null);
  expect([500, 1_000]).toContain(without.length);
  expect(errors).toHaveLength(without.length);
  expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['SERVICE_UNAVAILABLE']));
  for (const { number, assignee } of tickets)
    if (assignee !== null) expect(assignee.name).toBe(number.replace('T', 'A'));

  expect((await ask()).errors).toEqual([]);
  await gateway.close();
  await proxy.close();
  await database.drop();
});
