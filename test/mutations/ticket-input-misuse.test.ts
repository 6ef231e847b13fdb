import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectNotInSchema } from './schema-refusal.ts';
import { idOf, startWritingGateway, ticketOf, type UserError, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;
let id: string;

beforeAll(async () => {
  gateway = await startWritingGateway();
  id = ticketOf(await gateway.openTicket({ customerId: idOf('Customer', 1), number: 'taken', subject: 'Taken' })).id;
});

afterAll(() => gateway.close());

const INVISIBLE = ' \u200b\u2060\u00ad\u3164 ';
const characters = (most: number, came: string | number) => `Expected 1 to ${most} characters, got ${came}.`;

type Row = [what: string, input: object, errors: [code: string, field: string, message: string][]];

// Accepted by both mutations.
const FIELDS: Row[] = [
  ['an empty subject', { subject: '' }, [['INVALID_INPUT', 'subject', characters(300, 'none')]]],
  ['a subject of spaces', { subject: ' \t\n\u00a0' }, [['INVALID_INPUT', 'subject', characters(300, 'none')]]],
  [
    'an invisible subject',
    { subject: INVISIBLE },
    [['INVALID_INPUT', 'subject', characters(300, 'none that is visible')]],
  ],
  ['a subject of 301 characters', { subject: 'x'.repeat(301) }, [['INVALID_INPUT', 'subject', characters(300, 301)]]],
  ['a subject of 301 emoji', { subject: '😀'.repeat(301) }, [['INVALID_INPUT', 'subject', characters(300, 301)]]],
  [
    'a subject of two lines',
    { subject: 'a\nb' },
    [['INVALID_INPUT', 'subject', 'Expected one line without tabs, got "a\\nb".']],
  ],
  [
    'a subject with NUL',
    { subject: 'a\0b' },
    [['INVALID_INPUT', 'subject', characters(300, 'ones that are not text')]],
  ],
  [
    'a subject with half an emoji',
    { subject: 'a\ud83d' },
    [['INVALID_INPUT', 'subject', characters(300, 'ones that are not text')]],
  ],
  ...['', 'x', '42', idOf('Customer', 1), idOf('Agent', 0), idOf('Agent', 2n ** 63n)].map((assigneeId): Row => [
    `the assignee "${assigneeId}"`,
    { assigneeId },
    [['NOT_FOUND', 'assigneeId', `Expected the id of an Agent, got "${assigneeId}".`]],
  ]),
  [
    'an assignee who does not exist',
    { assigneeId: idOf('Agent', 999_999) },
    [['NOT_FOUND', 'assigneeId', 'There is no such agent.']],
  ],
  ['an empty key', { idempotencyKey: '' }, [['INVALID_INPUT', 'idempotencyKey', characters(255, 'none')]]],
  [
    'a key of 256 characters',
    { idempotencyKey: 'k'.repeat(256) },
    [['INVALID_INPUT', 'idempotencyKey', characters(255, 256)]],
  ],
];

const ONLY_NEW: Row[] = [
  ['an empty number', { number: '' }, [['INVALID_INPUT', 'number', characters(64, 'none')]]],
  ['an invisible number', { number: INVISIBLE }, [['INVALID_INPUT', 'number', characters(64, 'none that is visible')]]],
  ['a number of 65 characters', { number: 'x'.repeat(65) }, [['INVALID_INPUT', 'number', characters(64, 65)]]],
  ['a number with NUL', { number: 'a\0' }, [['INVALID_INPUT', 'number', characters(64, 'ones that are not text')]]],
  [
    'a number that another has',
    { number: ' taken' },
    [['ALREADY_EXISTS', 'number', 'A ticket has this number already.']],
  ],
  ...['', 'x', idOf('Agent', 1), idOf('Ticket', 1), idOf('Customer', 0)].map((customerId): Row => [
    `the customer "${customerId}"`,
    { customerId },
    [['NOT_FOUND', 'customerId', `Expected the id of a Customer, got "${customerId}".`]],
  ]),
  [
    'a customer who does not exist',
    { customerId: idOf('Customer', 999_999) },
    [['NOT_FOUND', 'customerId', 'There is no such customer.']],
  ],
  [
    'everything wrong at once',
    { customerId: 'x', number: '', subject: '', assigneeId: 'y', idempotencyKey: '' },
    [
      ['NOT_FOUND', 'customerId', 'Expected the id of a Customer, got "x".'],
      ['INVALID_INPUT', 'number', characters(64, 'none')],
      ['INVALID_INPUT', 'subject', characters(300, 'none')],
      ['NOT_FOUND', 'assigneeId', 'Expected the id of an Agent, got "y".'],
      ['INVALID_INPUT', 'idempotencyKey', characters(255, 'none')],
    ],
  ],
];

const ONLY_CHANGE: Row[] = [
  ['no subject', { subject: null }, [['INVALID_INPUT', 'subject', 'Expected a subject, got null.']]],
  ['no status', { status: null }, [['INVALID_INPUT', 'status', 'Expected a status, got null.']]],
  ['no priority', { priority: null }, [['INVALID_INPUT', 'priority', 'Expected a priority, got null.']]],
  ...['', 'x', idOf('Customer', 1), idOf('Ticket', 0)].map((given): Row => [
    `the id "${given}"`,
    { id: given },
    [['NOT_FOUND', 'id', `Expected the id of a Ticket, got "${given}".`]],
  ]),
  [
    'a ticket that does not exist',
    { id: idOf('Ticket', 999_999), subject: 'x' },
    [['NOT_FOUND', 'id', 'There is no such ticket.']],
  ],
  [
    'everything wrong at once',
    { id: 'x', subject: null, status: null, priority: null, assigneeId: 'y', idempotencyKey: '' },
    [
      ['NOT_FOUND', 'id', 'Expected the id of a Ticket, got "x".'],
      ['INVALID_INPUT', 'subject', 'Expected a subject, got null.'],
      ['INVALID_INPUT', 'status', 'Expected a status, got null.'],
      ['INVALID_INPUT', 'priority', 'Expected a priority, got null.'],
      ['NOT_FOUND', 'assigneeId', 'Expected the id of an Agent, got "y".'],
      ['INVALID_INPUT', 'idempotencyKey', characters(255, 'none')],
    ],
  ],
];

async function expectRefused(write: () => Promise<{ userErrors: readonly UserError[] }>, errors: Row[2]) {
  const before = await gateway.everything();
  const { userErrors } = await write();
  expect(userErrors).toEqual(errors.map(([code, field, message]) => ({ code, message, path: ['input', field] })));
  expect(await gateway.everything()).toEqual(before);
}

describe('openTicket refuses, and writes nothing,', () => {
  test.each([...FIELDS, ...ONLY_NEW])('%s', async (_, input, errors) => {
    await expectRefused(async () => {
      const answer = await gateway.openTicket({ customerId: idOf('Customer', 1), subject: 'New', ...input });
      expect(answer.ticket).toBeNull();
      return answer;
    }, errors);
  });
});

describe('updateTicket refuses, and writes nothing,', () => {
  test.each([...FIELDS, ...ONLY_CHANGE])('%s', async (_, input, errors) => {
    await expectRefused(async () => {
      const answer = await gateway.updateTicket({ id, ...input });
      const isKnown = errors.every(([, field]) => field !== 'id');
      expect(answer.ticket).toEqual(isKnown ? expect.objectContaining({ id, subject: 'Taken', version: 1 }) : null);
      return answer;
    }, errors);
  });
});

test('each text is accepted up to its maximum length, with emoji too', async () => {
  const [number, subject] = ['😀'.repeat(64), '😀'.repeat(300)];
  const opened = ticketOf(await gateway.openTicket({ customerId: idOf('Customer', 1), number, subject }));
  expect([opened.number, opened.subject]).toEqual([number, subject]);
  expect(ticketOf(await gateway.updateTicket({ id: opened.id, subject: '🎉'.repeat(300) })).version).toBe(2);
});

test.each([
  ['no subject', 'openTicket', { customerId: 'x' }],
  ['no customer', 'openTicket', { subject: 'x' }],
  ['a priority that is null', 'openTicket', { customerId: 'x', subject: 'x', priority: null }],
  ['an unknown priority', 'openTicket', { customerId: 'x', subject: 'x', priority: 'SOON' }],
  ['a status', 'openTicket', { customerId: 'x', subject: 'x', status: 'OPEN' }],
  ['no id', 'updateTicket', { subject: 'x' }],
  ['an unknown status', 'updateTicket', { id: 'x', status: 'LOST' }],
  ['a number', 'updateTicket', { id: 'x', number: 'x' }],
  ['a customer', 'updateTicket', { id: 'x', customerId: 'x' }],
  ['a version that is a string', 'updateTicket', { id: 'x', expectedVersion: '1' }],
])('what the schema does not allow (%s, in %s) is an error of the request', async (_, name, input) => {
  await expectNotInSchema(gateway, name, input);
});
