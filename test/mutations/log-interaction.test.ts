import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectNotInSchema } from './schema-refusal.ts';
import { idOf, rowOf, startWritingGateway, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;
let customerId: string;
let ticketId: string;
let ticketOfAnother: string;

beforeAll(async () => {
  gateway = await startWritingGateway();
  const [ticket] = await gateway.sql('SELECT id, customer_id FROM tickets ORDER BY id LIMIT 1');
  const owner = ticket?.['customer_id'];
  const [other] = await gateway.sql('SELECT id FROM tickets WHERE customer_id <> ? LIMIT 1', [owner]);
  [customerId, ticketId] = [idOf('Customer', owner), idOf('Ticket', ticket?.['id'])];
  ticketOfAnother = idOf('Ticket', other?.['id']);
});

afterAll(() => gateway.close());

const contact = (more: object = {}) => ({ customerId, kind: 'CALL', body: 'Hello', ...more });

describe('logInteraction', () => {
  test('reads nothing back that it has written but the id', async () => {
    const counted = await gateway.statementsOf(() => gateway.log(contact()));
    // The lock of the customer, the interaction, its id, the entry in the record of changes, COMMIT; BEGIN is not counted.
    expect(Object.fromEntries(counted)).toMatchObject({ write: 5 });
  });

  test('writes one row and an entry in the record of changes, and nothing else', async () => {
    const before = await gateway.everything();
    const occurredAt = '2026-03-01T12:00:00.5+02:00';
    const body = ' Said “ja” 👍\nand more ';
    const answer = await gateway.log(contact({ ticketId, agentId: idOf('Agent', 1), body, occurredAt }));
    expect(answer.userErrors).toEqual([]);
    const id = BigInt(rowOf(answer.interaction?.id));
    const after = await gateway.everything();
    expect(after['interactions']?.find((row) => row['id'] === id)).toEqual({
      id,
      external_id: null,
      customer_id: BigInt(rowOf(customerId)),
      ticket_id: BigInt(rowOf(ticketId)),
      agent_id: 1n,
      kind: 'CALL',
      body: 'Said “ja” 👍\nand more',
      occurred_at: new Date('2026-03-01T10:00:00.500Z'),
    });
    const change = after['customer_changes']?.at(-1);
    expect(change).toEqual({
      ...{ id: change?.['id'], customer_id: 2n, subject_type: 'Interaction', subject_id: id, version: 1 },
      ...{ action: 'CREATED', actor: null, occurred_at: change?.['occurred_at'] },
      changes: JSON.stringify([
        { field: 'kind', before: null, after: 'CALL' },
        { field: 'ticketId', before: null, after: '1' },
        { field: 'agentId', before: null, after: '1' },
        { field: 'occurredAt', before: null, after: '2026-03-01T10:00:00.500Z' },
      ]),
    });
    expect({
      ...after,
      interactions: after['interactions']?.filter((row) => row['id'] !== id),
      customer_changes: after['customer_changes']?.slice(0, -1),
    }).toEqual(before);
  });

  test('without a ticket, an agent and a time writes a contact with the current time and no references', async () => {
    const before = Date.now();
    const { interaction } = await gateway.log(contact({ ticketId: null, agentId: null, occurredAt: null }));
    const data = await gateway.data(
      'query($id: ID!) { node(id: $id) { ... on Interaction { ticket { id } agent { id } kind body occurredAt } } }',
      { id: interaction?.id },
    );
    expect(data.node).toMatchObject({ ticket: null, agent: null, kind: 'CALL', body: 'Hello' });
    const at = Date.parse(data.node.occurredAt);
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
  });

  test('adds the contact at once to cached lists of its customer and its ticket', async () => {
    const query = `query($c: ID!, $t: ID!) {
      customer(by: { id: $c }) { interactions { totalCount } } ticket(by: { id: $t }) { interactions { totalCount } } }`;
    const variables = { c: customerId, t: ticketId };
    const before = await gateway.data(query, variables);
    expect((await gateway.request(query, { variables })).headers.get('x-cache')).toBe('HIT');
    await gateway.log(contact({ ticketId }));
    const after = await gateway.data(query, variables);
    expect(after.customer.interactions.totalCount).toBe(before.customer.interactions.totalCount + 1);
    expect(after.ticket.interactions.totalCount).toBe(before.ticket.interactions.totalCount + 1);
  });

  test('accepts a time that is less than a minute in the future, since clocks differ', async () => {
    const occurredAt = new Date(Date.now() + 50_000).toISOString();
    const { interaction, userErrors } = await gateway.log(contact({ occurredAt }));
    expect(userErrors).toEqual([]);
    expect(interaction).not.toBeNull();
  });

  test('accepts a body of 10,000 characters, including emoji', async () => {
    const { interaction, userErrors } = await gateway.log(contact({ body: '😀'.repeat(10_000) }));
    expect(userErrors).toEqual([]);
    const [row] = await gateway.sql('SELECT CAST(CHAR_LENGTH(body) AS CHAR) AS length FROM interactions WHERE id = ?', [
      rowOf(interaction?.id),
    ]);
    expect(row).toEqual({ length: '10000' });
  });

  test.each<[string, () => object, [string, string][]]>([
    ['an empty body', () => ({ body: ' \n ' }), [['INVALID_INPUT', 'body']]],
    ['a body that is too long', () => ({ body: 'x'.repeat(10_001) }), [['INVALID_INPUT', 'body']]],
    ['an invisible body', () => ({ body: ' \u200b\u2060\u00ad\u3164\u0001 ' }), [['INVALID_INPUT', 'body']]],
    ['half an emoji', () => ({ body: 'x\ud83d' }), [['INVALID_INPUT', 'body']]],
    ['a NUL', () => ({ body: 'x\0' }), [['INVALID_INPUT', 'body']]],
    ['a time in the future', () => ({ occurredAt: '9999-12-31T23:59:59Z' }), [['INVALID_INPUT', 'occurredAt']]],
    ['text that is not the id of a customer', () => ({ customerId: 'x' }), [['NOT_FOUND', 'customerId']]],
    [
      'a customer that does not exist',
      () => ({ customerId: idOf('Customer', 999_999) }),
      [['NOT_FOUND', 'customerId']],
    ],
    ['an agent for the customer', () => ({ customerId: idOf('Agent', 1) }), [['NOT_FOUND', 'customerId']]],
    ['an empty ticket', () => ({ ticketId: '' }), [['NOT_FOUND', 'ticketId']]],
    ['a ticket that does not exist', () => ({ ticketId: idOf('Ticket', 999_999) }), [['NOT_FOUND', 'ticketId']]],
    ["another customer's ticket", () => ({ ticketId: ticketOfAnother }), [['NOT_FOUND', 'ticketId']]],
    ['an empty agent', () => ({ agentId: '' }), [['NOT_FOUND', 'agentId']]],
    ['an agent that does not exist', () => ({ agentId: idOf('Agent', 999_999) }), [['NOT_FOUND', 'agentId']]],
    ['an id that is too large', () => ({ agentId: idOf('Agent', 2n ** 63n) }), [['NOT_FOUND', 'agentId']]],
    [
      'everything at once',
      () => ({ customerId: 'x', ticketId: 'y', agentId: 'z', body: '' }),
      [
        ['NOT_FOUND', 'customerId'],
        ['NOT_FOUND', 'ticketId'],
        ['NOT_FOUND', 'agentId'],
        ['INVALID_INPUT', 'body'],
      ],
    ],
  ])('refuses %s and writes nothing', async (_, input, expected) => {
    const before = await gateway.everything();
    const { interaction, userErrors } = await gateway.log(contact(input()));
    expect(interaction).toBeNull();
    expect(userErrors.map(({ code, path }) => [code, ...path])).toEqual(
      expected.map(([code, field]) => [code, 'input', field]),
    );
    for (const { message } of userErrors) expect(message).toMatch(/^(Expected|There is no) .{5,150}\.$/);
    expect(await gateway.everything()).toEqual(before);
  });

  const badKey = (came: string) => ['INVALID_INPUT', 'idempotencyKey', `Expected 1 to 255 characters, got ${came}.`];

  test.each([
    ['an empty key', { idempotencyKey: '' }, [badKey('none')]],
    ['a key of 256 characters', { idempotencyKey: 'k'.repeat(256) }, [badKey('256')]],
    ['a key with NUL', { idempotencyKey: 'a\0b' }, [badKey('ones that are not text')]],
    [
      'everything at once with a key',
      { customerId: 'x', ticketId: 'y', agentId: 'z', body: '', idempotencyKey: '' },
      [
        ['NOT_FOUND', 'customerId', 'Expected the id of a Customer, got "x".'],
        ['NOT_FOUND', 'ticketId', 'Expected the id of a Ticket, got "y".'],
        ['NOT_FOUND', 'agentId', 'Expected the id of an Agent, got "z".'],
        ['INVALID_INPUT', 'body', 'Expected 1 to 10000 characters, got none.'],
        badKey('none'),
      ],
    ],
  ])('refuses %s with these messages and writes nothing', async (_, input, expected) => {
    const before = await gateway.everything();
    expect(await gateway.log(contact(input))).toEqual({
      interaction: null,
      userErrors: expected.map(([code, field, message]) => ({ code, message, path: ['input', field] })),
    });
    expect(await gateway.everything()).toEqual(before);
  });

  test.each([
    ['no kind', { kind: undefined }],
    ['an unknown kind', { kind: 'FAX' }],
    ['a kind that is null', { kind: null }],
    ['a body that is null', { body: null }],
  ])('does not get past the schema with %s', async (_, input) => {
    await expectNotInSchema(gateway, 'logInteraction', contact(input));
  });
});
