import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createConnection, type Connection } from 'mariadb';
import { connectionOptions } from '../../src/db/database.ts';
import { customerOf, startWritingGateway, type WritingGateway } from '../mutations/writing-gateway.ts';
import { until, within } from '../support/patience.ts';
import { CHANGED, subscribe, type EventReader, type Subscribing } from './event-reader.ts';

let gateway: WritingGateway;
const streams: EventReader[] = [];
/** How many comments arrived until one more did. Started first, because that takes twelve seconds. */
let commented: Promise<number>;
beforeAll(async () => {
  gateway = await startWritingGateway();
  commented = untilCommented();
  commented.catch(() => undefined);
});
afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
});
afterAll(() => gateway.close());

/** Subscribes, and returns the stream after its first event, with what that showed. */
async function watch(id: string, query = CHANGED, options: Subscribing = {}) {
  const stream = await subscribe(gateway.url, query, { variables: { id }, ...options });
  streams.push(stream);
  return { stream, first: (await stream.next()).data };
}

const newCustomer = async (name = 'Ada') => customerOf(await gateway.create({ name }));
const silence = (stream: EventReader) => stream.silence(300);

async function untilCommented(): Promise<number> {
  const { id } = await newCustomer();
  const stream = await subscribe(gateway.url, CHANGED, { variables: { id } });
  await stream.next();
  const before = stream.comments;
  const after = await within(13_000, 'the next comment', async () => {
    await silence(stream);
    return until(
      'another comment',
      () => stream.comments,
      (comments) => comments > before,
    );
  });
  stream.close();
  return after - before;
}

describe('customerChanged', () => {
  test.each(['GET', 'POST'] as const)('by %s shows the customer at once and after each change', async (method) => {
    const { id } = await newCustomer();
    const { stream, first } = await watch(id, CHANGED, { method });
    expect(stream.status).toBe(200);
    expect(Object.fromEntries(stream.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      vary: 'Accept',
    });
    expect(first).toEqual({
      data: { customerChanged: { id, name: 'Ada', company: null, version: 1, updatedAt: expect.any(String) } },
      extensions: { stream: { state: 'LIVE' } },
    });
    await gateway.update({ id, company: 'Engines Ltd' });
    expect((await stream.next()).data).toMatchObject({
      data: { customerChanged: { id, company: 'Engines Ltd', version: 2 } },
      extensions: { stream: { state: 'LIVE' } },
    });
    await gateway.update({ id, name: 'Ada King' });
    expect((await stream.next()).data.data.customerChanged).toMatchObject({ name: 'Ada King', version: 3 });
    await silence(stream);
  });

  test('sends each change once, although the gateway learns of it both directly and from Redis', async () => {
    const { id } = await newCustomer();
    const { stream } = await watch(id);
    for (let version = 2; version < 6; version += 1) {
      await gateway.update({ id, company: `Company ${version}` });
      expect((await stream.next()).data.data.customerChanged.version).toBe(version);
      await silence(stream);
    }
  });

  test('continues with the customer that the watched one was merged into', async () => {
    const [kept, merged] = [await newCustomer('Kept'), await newCustomer('Merged')];
    const { stream } = await watch(merged.id);
    expect((await gateway.merge({ keepId: kept.id, mergeId: merged.id })).userErrors).toEqual([]);
    expect((await stream.next()).data.data.customerChanged).toMatchObject({ id: kept.id, name: 'Kept', version: 2 });
    await gateway.update({ id: kept.id, name: 'Kept still' });
    // The merge changes both of them, so it may be reported twice.
    let shown = (await stream.next()).data.data.customerChanged;
    if (shown.name === 'Kept') shown = (await stream.next()).data.data.customerChanged;
    expect(shown).toMatchObject({ id: kept.id, name: 'Kept still', version: 3 });
  });

  test('also sends a result when something that belongs to the customer changes', async () => {
    const { id } = await newCustomer();
    const query = 'subscription($id: ID!) { customerChanged(id: $id) { interactions(first: 1) { nodes { body } } } }';
    const { stream, first } = await watch(id, query);
    expect(first.data.customerChanged.interactions.nodes).toEqual([]);
    await gateway.log({ customerId: id, kind: 'NOTE', body: 'Called back.' });
    expect((await stream.next()).data.data.customerChanged.interactions.nodes).toEqual([{ body: 'Called back.' }]);
  });

  test('sends nothing for other customers, or for writes that were refused or changed nothing', async () => {
    const [{ id }, other] = [await newCustomer(), await newCustomer('Grace')];
    const { stream } = await watch(id);
    await gateway.update({ id: other.id, company: 'Another Ltd' });
    await gateway.update({ id, name: 'Ada' });
    expect((await gateway.update({ id, name: 'Eve', expectedVersion: 7 })).userErrors).toMatchObject([
      { code: 'CONFLICT' },
    ]);
    const taken = customerOf(await gateway.create({ name: 'Taken', email: 'taken@example.com' }));
    // Written and rolled back, since it violates the index.
    expect((await gateway.update({ id, email: 'taken@example.com' })).userErrors).toMatchObject([
      { code: 'ALREADY_EXISTS' },
    ]);
    expect(taken.id).not.toBe(id);
    await silence(stream);
  });

  test('sends nothing before COMMIT', async () => {
    const { id } = await newCustomer();
    const { stream } = await watch(id);
    const blocker: Connection = await createConnection({
      ...connectionOptions(gateway.databaseUrl),
      connectTimeout: 0,
    });
    try {
      // Blocks the write at its last statement, the entry in the record of changes.
      await blocker.query('LOCK TABLES customer_changes WRITE');
      const written = gateway.update({ id, company: 'Slow Ltd' });
      await silence(stream);
      await blocker.query('UNLOCK TABLES');
      await written;
    } finally {
      await blocker.end();
    }
    expect((await stream.next()).data.data.customerChanged).toMatchObject({ company: 'Slow Ltd', version: 2 });
  });

  test('reads from the database for each event, never from the cache, with one statement for the customer', async () => {
    const { id } = await newCustomer();
    const { stream } = await watch(id);
    const statements = await gateway.statementsOf(async () => {
      await gateway.sql(`UPDATE customers SET company = 'Not told' WHERE name = 'Ada' AND version = 1`);
      await gateway.log({ customerId: id, kind: 'NOTE', body: 'x' });
      expect((await stream.next()).data.data.customerChanged.company).toBe('Not told');
    });
    expect(statements.get('Customer by id')).toBe(1);
  });

  test('ends with an error when the customer is deleted', async () => {
    const { id } = await newCustomer();
    const { stream } = await watch(id);
    await gateway.remove({ id });
    expect((await stream.next()).data).toMatchObject({
      data: null,
      errors: [
        {
          message: 'Argument "id": there is no such customer; it may have been deleted.',
          path: ['customerChanged'],
          extensions: { code: 'BAD_USER_INPUT' },
        },
      ],
    });
    expect(await stream.next()).toEqual({ event: 'complete', data: undefined });
    await stream.end();
  });

  test('runs the named one of several operations, with its alias and its variables', async () => {
    const { id } = await newCustomer();
    // An introspection query, which is executed differently.
    const query = `query Q { __schema { queryType { name } } }
      subscription S($id: ID!, $n: Int = 2) { it: customerChanged(id: $id) { name orders(first: $n) { totalCount } } }`;
    const url = `${gateway.url}/graphql?${new URLSearchParams({ query, operationName: 'S', variables: JSON.stringify({ id }) })}`;
    const control = new AbortController();
    const response = await fetch(url, { headers: { accept: 'text/event-stream' }, signal: control.signal });
    const reader = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('data:')) text += (await reader.read()).value ?? '';
    expect(text).toContain('{"data":{"it":{"name":"Ada","orders":{"totalCount":0}}},"extensions"');
    control.abort();
  });

  test('keeps a stream alive with comments', async () => {
    expect(await commented).toBe(1);
  });
});

describe('the metrics of subscriptions', () => {
  test('count the open subscriptions, the events sent, and how subscriptions ended', async () => {
    const counts = async () => {
      const names = ['concierge_subscriptions', 'concierge_subscription_events_total'];
      return Promise.all(names.map((name) => gateway.metric(name)));
    };
    const [, sent = 0] = await until('subscriptions of other tests to end', counts, ([open]) => open === 0);
    // An event is counted once it is sent, and may be received before.
    const counted = (...wanted: readonly number[]) =>
      until('the events to be counted', counts, (seen) => isDeepStrictEqual(seen, wanted));
    const { id } = await newCustomer();
    const { stream } = await watch(id);
    await counted(1, sent + 1);
    await gateway.update({ id, company: 'x' });
    await stream.next();
    await counted(1, sent + 2);
    await gateway.remove({ id });
    await stream.end();
    await counted(0, sent + 3);
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/^concierge_subscriptions_ended_total\{reason="completed"\} [1-9]/m);
    expect(metrics).toMatch(/^concierge_subscriptions_ended_total\{reason="client"\} [1-9]/m);
  });
});
