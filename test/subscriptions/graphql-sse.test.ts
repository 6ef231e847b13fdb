import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from 'graphql-sse';
import { customerOf, startWritingGateway, type WritingGateway } from '../mutations/writing-gateway.ts';
import { until } from '../support/patience.ts';
import { CHANGED } from './event-reader.ts';

let gateway: WritingGateway;
let id: string;
beforeAll(async () => {
  gateway = await startWritingGateway();
  ({ id } = customerOf(await gateway.create({ name: 'Ada' })));
});
afterAll(() => gateway.close());

describe('the client of graphql-sse', () => {
  test('subscribes, gets changes, and disconnects', async () => {
    const client = createClient({ url: `${gateway.url}/graphql`, retryAttempts: 0 });
    const results = client.iterate<{ customerChanged: { company: string } }>({ query: CHANGED, variables: { id } });
    await results.next();
    for (const company of ['One', 'Two', 'Three']) {
      await gateway.update({ id, company });
      const { value } = await results.next();
      expect(value).toMatchObject({
        data: { customerChanged: { company } },
        extensions: { stream: { state: 'LIVE' } },
      });
    }
    client.dispose();
    await until(
      'the subscription to end',
      () => gateway.metric('concierge_subscriptions'),
      (open) => open === 0,
    );
  });

  test('gets an error when the customer is deleted, and then the end of the stream', async () => {
    const { id: other } = customerOf(await gateway.create({ name: 'Grace' }));
    const client = createClient({ url: `${gateway.url}/graphql`, retryAttempts: 0 });
    const results = client.iterate({ query: CHANGED, variables: { id: other } });
    await results.next();
    await gateway.remove({ id: other });
    expect((await results.next()).value).toMatchObject({
      data: null,
      errors: [{ extensions: { code: 'BAD_USER_INPUT' } }],
    });
    expect((await results.next()).done).toBe(true);
  });

  test('can also send queries, which return a result and then complete', async () => {
    const client = createClient({ url: `${gateway.url}/graphql`, retryAttempts: 0 });
    const results = client.iterate({ query: '{ customers(first: 1) { nodes { name } } }' });
    expect((await results.next()).value).toMatchObject({ data: { customers: { nodes: [{ name: 'Ada' }] } } });
    expect((await results.next()).done).toBe(true);
  });

  test('gets the errors of an invalid operation', async () => {
    const client = createClient({ url: `${gateway.url}/graphql`, retryAttempts: 0 });
    const results = client.iterate({ query: 'subscription { nothing }' });
    expect((await results.next()).value).toMatchObject({
      errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }],
    });
    expect((await results.next()).done).toBe(true);
  });
});
