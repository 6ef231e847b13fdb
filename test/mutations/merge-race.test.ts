import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { contradictions } from '../cli/table-contents.ts';
import { readinessOf, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { withConnection } from '../support/servers.ts';
import {
  customerOf,
  rowOf,
  startCachingGateway,
  startWritingGateway,
  untilWaiting,
  type UserError,
  type WritingGateway,
} from './writing-gateway.ts';

/** Two gateways on one database. */
let gateway: WritingGateway;
let second: TestGateway;

beforeAll(async () => {
  gateway = await startWritingGateway();
  second = await startCachingGateway(gateway.databaseUrl);
});

afterAll(async () => {
  await second.close();
  await gateway.close();
});

interface Answered {
  readonly customer?: { readonly id: string; readonly version: number } | null;
  readonly userErrors: readonly UserError[];
}

let writes = 0;
/** Sends mutations to the two gateways alternately. */
async function mutate(name: string, input: object): Promise<Answered> {
  writes += 1;
  const fields = name === 'logInteraction' ? '' : 'customer { id version }';
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const mutation = `mutation($input: ${type}!) { ${name}(input: $input) { ${fields} userErrors { code message path } } }`;
  const one = writes % 2 === 0 ? gateway : second;
  return (await one.data(mutation, { input }))[name];
}

const create = async (name: string, more: object = {}) => customerOf(await gateway.create({ name, ...more })).id;

const retries = async () =>
  (await gateway.metric('concierge_transaction_retries_total')) +
  (await second.metric('concierge_transaction_retries_total'));

const WRITERS = 20;
const MAX_ROUNDS = 200;
/** What each client writes to a customer; the n-th write is unique. */
const writeOf = (n: number, customerId: string): [string, object] => {
  if (n % 3 === 0) return ['logInteraction', { customerId, kind: 'NOTE', body: `note ${n}` }];
  if (n % 3 === 1) return ['addTags', { customerId, tags: [`tag ${n}`] }];
  return ['updateCustomer', { id: customerId, company: `company ${n}` }];
};

/** Expects everything that was acknowledged to be on the kept customer. Returns how many writes came after the merge. */
async function expectAllOn(keepId: string, mergeId: string): Promise<number> {
  const kept = rowOf(keepId);
  const numbers = Array.from({ length: WRITERS }, (_, n) => n);
  const bodies = await gateway.sql('SELECT body FROM interactions WHERE customer_id = ?', [kept]);
  const notes = numbers.filter((n) => n % 3 === 0).map((n) => `note ${n}`);
  expect(bodies).toHaveLength(notes.length);
  expect(new Set(bodies.map(({ body }) => body))).toEqual(new Set(notes));
  const rows = await gateway.sql('SELECT tag FROM customer_tags WHERE customer_id = ?', [kept]);
  const tags = numbers.filter((n) => n % 3 === 1).map((n) => `tag ${n}`);
  expect(new Set(rows.map(({ tag }) => tag))).toEqual(new Set(tags));
  const changes = await gateway.sql(
    'SELECT subject_type AS type, CAST(subject_id AS CHAR) AS subject, version, action, changes FROM customer_changes WHERE customer_id = ?',
    [kept],
  );
  const companies = changes.flatMap(({ changes: fields }) =>
    [...String(fields).matchAll(/"field":"company",[^}]*"after":"(company \d+)"/g)].map(([, company]) => company),
  );
  for (const n of numbers.filter((one) => one % 3 === 2)) expect(companies).toContain(`company ${n}`);
  // The record must explain each side's versions from first to last.
  const [row] = await gateway.sql('SELECT version FROM customers WHERE id = ?', [kept]);
  const versionsOf = (type: string | null, subject: string | null) =>
    changes
      .filter((entry) => entry['type'] === type && entry['subject'] === subject)
      .map(({ version }) => Number(version))
      .toSorted((a, b) => a - b);
  const [own, others] = [versionsOf(null, null), versionsOf('Customer', String(rowOf(mergeId)))];
  // The merge makes a version of the kept one that is later than that of either.
  expect(own).toEqual([1, ...own.slice(1).map((_, i) => others.length + i)]);
  expect(own.at(-1)).toBe(row?.['version']);
  expect(others).toEqual(others.map((_, i) => i + 1));
  expect(await contradictions(gateway.databaseUrl)).toEqual([]);
  // The kept one was created and merged; all its other entries came later.
  return own.length - 2;
}

describe('a write that arrives while its customer is being merged', () => {
  test('ends up on the kept customer, for all of 20 writers at two gateways', async () => {
    let [before, after] = [0, 0];
    // Eight rounds, and then more until each side has won: which does is up to the machine.
    for (let round = 0; round < 8 || (Math.min(before, after) === 0 && round < MAX_ROUNDS); round += 1) {
      const [keepId, mergeId] = [await create('Kept'), await create('Merged')];
      const answers = await Promise.all(
        Array.from({ length: WRITERS }, async (_, n) => {
          const merging = n === (round * 2) % WRITERS ? mutate('mergeCustomers', { keepId, mergeId }) : undefined;
          return [await mutate(...writeOf(n, mergeId)), await merging];
        }),
      );
      expect(answers.flat().flatMap((answer) => answer?.userErrors ?? [])).toEqual([]);
      const late = await expectAllOn(keepId, mergeId);
      after += late;
      before += answers.length - late;
    }
    // Verifies that there was a race, won by each side at least once.
    expect(Math.min(before, after)).toBeGreaterThan(0);
  });

  test('and waits for the row goes to the kept customer once the merge is committed', async () => {
    const [keepId, mergeId] = [await create('Kept'), await create('Merged')];
    const running: Promise<Answered>[] = [];
    await withConnection(gateway.databaseUrl, async (connection) => {
      await connection.beginTransaction();
      await connection.query('SELECT id FROM customers WHERE id = ? FOR UPDATE', [rowOf(mergeId)]);
      running.push(mutate('mergeCustomers', { keepId, mergeId }));
      await untilWaiting(1, gateway);
      for (let n = 0; n < WRITERS; n += 1) running.push(mutate(...writeOf(n, mergeId)));
      // Of each gateway's writes, one waits in the server, and the others in the gateway.
      await untilWaiting(3, gateway);
      for (const one of [gateway, second])
        await until(
          'the other writes to wait',
          () => readinessOf(one),
          ({ waiting }) => waiting?.writes === WRITERS / 2 - 1,
        );
      await connection.commit();
    });
    const answers = await Promise.all(running);
    expect(answers.flatMap(({ userErrors }) => userErrors)).toEqual([]);
    expect(await expectAllOn(keepId, mergeId)).toBeGreaterThan(0);
    for (const { customer } of answers) expect(customer?.id ?? keepId).toBe(keepId);
  });
});

describe('concurrent merges', () => {
  test('of two customers into each other are done once, the other finds that both are one customer, without a deadlock', async () => {
    const before = await retries();
    for (let round = 0; round < 10; round += 1) {
      const [a, b] = [await create('A', { tags: ['a'] }), await create('B', { tags: ['b'] })];
      const answers = await Promise.all([
        mutate('mergeCustomers', { keepId: a, mergeId: b }),
        mutate('mergeCustomers', { keepId: b, mergeId: a }),
      ]);
      expect(answers.flatMap(({ userErrors }) => userErrors)).toEqual([
        {
          code: 'INVALID_INPUT',
          message: 'Expected a customer other than the one to keep.',
          path: ['input', 'mergeId'],
        },
      ]);
      const ids = new Set(answers.map(({ customer }) => customer?.id));
      expect(ids.size).toBe(1);
      expect(answers.map(({ customer }) => customer?.version)).toEqual([2, 2]);
    }
    expect((await retries()) - before).toBe(0);
  });

  test('of the same customer into the same other are done once', async () => {
    const [keepId, mergeId] = [await create('A'), await create('B')];
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => mutate('mergeCustomers', { keepId, mergeId, expectedVersion: 1 })),
    );
    const codes = answers.map(({ userErrors }) => userErrors[0]?.code);
    expect(codes.filter((code) => code === undefined)).toHaveLength(1);
    expect(codes.filter((code) => code === 'CONFLICT')).toHaveLength(5);
  });

  test('of five customers in a ring are done four times, and all five ids lead to one customer', async () => {
    for (let round = 0; round < 5; round += 1) {
      const names = ['A', 'B', 'C', 'D', 'E'];
      const ids: string[] = [];
      for (const name of names) ids.push(await create(name, { tags: [name] }));
      const answers = await Promise.all(
        ids.map((keepId, i) => mutate('mergeCustomers', { keepId, mergeId: ids[(i + 1) % ids.length] })),
      );
      expect(answers.flatMap(({ userErrors }) => userErrors.map(({ code }) => code))).toEqual(['INVALID_INPUT']);
      const { nodes } = await gateway.data(
        'query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Customer { tags version } } }',
        { ids },
      );
      for (const node of nodes) expect(node).toEqual({ ...nodes[0], tags: names });
      expect(await gateway.sql('SELECT id FROM customers WHERE id IN (?)', [ids.map(rowOf)])).toHaveLength(1);
    }
    expect(await contradictions(gateway.databaseUrl)).toEqual([]);
  });
});
