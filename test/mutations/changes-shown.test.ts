import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { customerOf, idOf, rowOf, startWritingGateway, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;
beforeAll(async () => {
  gateway = await startWritingGateway();
});
afterAll(() => gateway.close());

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test("changes show ids, times and amounts in the API's usual format, whoever recorded them", async () => {
  const agents = [idOf('Agent', 1), idOf('Agent', 2)];
  const { id } = customerOf(await gateway.create({ name: 'Ada', ownerId: agents[0] }));
  await gateway.update({ id, ownerId: agents[1] });
  const { openTicket } = await gateway.data(
    `mutation($c: ID!, $a: ID!) { openTicket(input: { customerId: $c, subject: "x", assigneeId: $a }) { ticket { id } } }`,
    { c: id, a: agents[0] },
  );
  const ticketId = openTicket.ticket.id;
  await gateway.data(
    `mutation($c: ID!, $t: ID!, $a: ID!) { logInteraction(input: { customerId: $c, ticketId: $t, agentId: $a, kind: CALL, body: "x" }) { userErrors { code } } }`,
    { c: id, t: ticketId, a: agents[1] },
  );
  const merged = customerOf(await gateway.create({ name: 'Ada again', ownerId: agents[0] })).id;
  await gateway.data(
    'mutation($k: ID!, $m: ID!) { mergeCustomers(input: { keepId: $k, mergeId: $m }) { userErrors { code } } }',
    {
      k: id,
      m: merged,
    },
  );
  // As recorded by an import.
  await gateway.sql(
    `INSERT INTO customer_changes (customer_id, version, action, changes, occurred_at) VALUES (?, 9, 'IMPORTED', ?, NOW(3))`,
    [rowOf(id), JSON.stringify([{ field: 'createdAt', before: null, after: '2024-12-23 23:00:00.000' }])],
  );
  const { customer } = await gateway.data(
    'query($id: ID!) { customer(by: { id: $id }) { changes(first: 50) { nodes { fields { field before after } } } } }',
    { id },
  );
  const fields: { field: string; before: string | null; after: string | null }[] = customer.changes.nodes.flatMap(
    (node: { fields: object[] }) => node.fields,
  );
  const given = (name: string) => fields.filter(({ field }) => field === name);
  expect(given('ownerId')).toContainEqual({ field: 'ownerId', before: agents[0], after: agents[1] });
  expect(given('assigneeId')).toEqual([{ field: 'assigneeId', before: null, after: agents[0] }]);
  expect(given('agentId')).toEqual([{ field: 'agentId', before: null, after: agents[1] }]);
  expect(given('ticketId')).toEqual([{ field: 'ticketId', before: null, after: ticketId }]);
  expect(given('createdAt')).toContainEqual({ field: 'createdAt', before: null, after: '2024-12-23T23:00:00.000Z' });
  for (const { field, before, after } of fields)
    for (const value of [before, after].filter((one) => one !== null)) {
      if (field.endsWith('At')) expect({ field, value }).toEqual({ field, value: expect.stringMatching(MOMENT) });
      if (field.endsWith('Id') && field !== 'externalId')
        expect({ field, isRow: /^\d+$/.test(value) }).toEqual({ field, isRow: false });
    }
});
