import { expect, test } from '@jest/globals';
import type { Caller } from '../../src/access/caller.ts';
import type { Prepare } from '../../src/graphql/prepare.ts';
import { answerOf, asking, createRunAlone, originOf } from './run-alone.ts';

const UNKNOWN: Caller = { subject: null, scopes: [], accessKey: '' };
const { prepare, run, executions } = createRunAlone();

test.each([
  ['query', '{ customers { totalCount } }', 'Query.customers, CustomerConnection.totalCount', 'crm:read'],
  ['query about the schema', '{ __schema { queryType { name } } }', 'Query.__schema', 'crm:explore'],
  [
    'mutation',
    'mutation { deleteCustomer(input: { id: "Q3VzdG9tZXI6MQ" }) { deletedCustomerId } }',
    'Mutation.deleteCustomer, DeleteCustomerPayload.deletedCustomerId',
    'crm:write',
  ],
  [
    'subscription',
    'subscription { customerChanged(id: "Q3VzdG9tZXI6MQ") { name } }',
    'Subscription.customerChanged, Customer.name',
    'crm:read',
  ],
])('a caller without any scope may do nothing, in any way: no %s', async (...[, document, coordinates, scope]) => {
  const operation = prepare(asking(document), originOf(UNKNOWN));
  const message = `${coordinates}: expected a caller with the scope ${scope}, got one without it.`;
  const refusal = { errors: [{ message, extensions: { code: 'FORBIDDEN' } }] };
  const { result, status, headers } = answerOf(await run(operation));
  expect([result, status, headers['cache-control']]).toEqual([refusal, 403, 'no-store']);
  expect(answerOf(await run({ ...operation, costMode: 'validate' })).result).toMatchObject(refusal);
  expect(executions()).toBe(0);
});

test('a request without a caller or without a signal does not compile', () => {
  const { caller, signal, ...rest } = originOf(UNKNOWN);
  // Never called: the compiler checks this test.
  const notCompiled = (ask: Prepare) => [
    // @ts-expect-error the caller is missing
    ask(asking('{ __typename }'), { ...rest, signal }),
    // @ts-expect-error the signal is missing
    ask(asking('{ __typename }'), { ...rest, caller }),
  ];
  expect(notCompiled).toBeInstanceOf(Function);
});

test('callers who send the same text are told apart', async () => {
  const query = '{ __schema { queryType { name } } }';
  const may = { ...UNKNOWN, scopes: ['crm:explore'], accessKey: 'explorer' } as const;
  for (const [caller, status] of [
    [may, 200],
    [UNKNOWN, 403],
    [may, 200],
  ] as const)
    expect(answerOf(await run(prepare(asking(query), originOf(caller)))).status).toBe(status);
});
