import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { customerOf, startWritingGateway, rowOf, type WritingGateway } from '../mutations/writing-gateway.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { redisUrl } from '../support/servers.ts';
import { CHANGED, subscribe, type EventReader, type StreamedEvent } from './event-reader.ts';

const UPDATE =
  'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { customer { version } userErrors { code } } }';

let writing: WritingGateway;
let first: TestGateway;
let second: TestGateway;
let prefix: string;
let redis: Redis;
const streams: EventReader[] = [];
beforeAll(async () => {
  writing = await startWritingGateway();
  prefix = `${writing.databaseUrl}:`;
  // A message that takes Redis too long is sent again, and causes another read.
  const settings = { ...PATIENT, CACHE_PREFIX: prefix };
  const start = () => startGateway({ databaseUrl: writing.databaseUrl, redisUrl: redisUrl(), settings });
  [first, second] = await Promise.all([start(), start()]);
  redis = new Redis(redisUrl());
});
afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
});
afterAll(async () => {
  redis.disconnect();
  await Promise.all([first.close(), second.close()]);
  await writing.close();
});

async function watch(gateway: TestGateway, id: string) {
  const stream = await subscribe(gateway.url, CHANGED, { variables: { id } });
  streams.push(stream);
  await stream.next();
  return stream;
}

const newCustomer = async () => customerOf(await writing.create({ name: 'Ada' })).id;
const customerIn = ({ data }: StreamedEvent) => data.data.customerChanged;
const updateBy = (gateway: TestGateway, id: string, company: string) =>
  gateway.data(UPDATE, { input: { id, company } });

test('a write through one gateway reaches each subscription on another once', async () => {
  const id = await newCustomer();
  const [here, there] = [await watch(first, id), await watch(second, id)];
  for (const [gateway, company] of [
    [first, 'One Ltd'],
    [second, 'Two Ltd'],
  ] as const) {
    await updateBy(gateway, id, company);
    for (const stream of [here, there]) {
      expect(customerIn(await stream.next())).toMatchObject({ id, company });
      await stream.silence(200);
    }
  }
});

test('a query after an event never gets a response that was cached before it', async () => {
  const id = await newCustomer();
  const stream = await watch(second, id);
  const query = 'query($id: ID!) { customer(by: {id: $id}) { company } }';
  for (let i = 0; i < 20; i += 1) {
    await second.data(query, { id });
    await second.data(query, { id });
    await updateBy(first, id, `Company ${i}`);
    expect(customerIn(await stream.next()).company).toBe(`Company ${i}`);
    expect((await second.data(query, { id })).customer.company).toBe(`Company ${i}`);
  }
});

describe('updates of one customer through both gateways', () => {
  test('arrive in order, and the last one arrives everywhere', async () => {
    const id = await newCustomer();
    const readers = await Promise.all([first, second, first, second].map((gateway) => watch(gateway, id)));
    const seen = readers.map((stream) => stream.until((event) => customerIn(event).version === 201));
    const write = async (gateway: TestGateway, name: string) => {
      for (let i = 0; i < 100; i += 1) await updateBy(gateway, id, `${name} ${i}`);
    };
    await Promise.all([write(first, 'One'), write(second, 'Two')]);
    for (const events of await Promise.all(seen)) {
      const versions = events.map((event) => customerIn(event).version as number);
      expect(versions).toEqual(versions.toSorted((a, b) => a - b));
      expect(versions.length).toBeGreaterThan(20);
      expect(versions.length).toBeLessThanOrEqual(200);
    }
    // A message that arrives late causes another read without any news.
    await updateBy(second, id, 'Last Ltd');
    for (const stream of readers) {
      const late = await stream.until((event) => customerIn(event).version === 202);
      expect(new Set([201, ...late.map((event) => customerIn(event).version)])).toEqual(new Set([201, 202]));
    }
    expect((await first.data('query($id: ID!) { customer(by: {id: $id}) { version } }', { id })).customer.version).toBe(
      202,
    );
  });
});

describe('in Redis', () => {
  const channel = (id: string) => `${prefix}customer:${rowOf(id)}`;
  const listeners = async (...ids: string[]) => {
    const counts = await redis.pubsub('NUMSUB', ...ids.map(channel));
    return counts.filter((_, i) => i % 2 === 1);
  };
  /** Waits until these numbers of gateways listen to each customer. */
  const listenedToBy = (gateways: readonly number[], ...ids: string[]) =>
    until(
      `${gateways.join(' and ')} gateways to listen`,
      () => listeners(...ids),
      (counts) => isDeepStrictEqual(counts, gateways),
    );

  test('a gateway listens to a customer as long as clients watch it there, once for all of them', async () => {
    const [id, other] = [await newCustomer(), await newCustomer()];
    await listenedToBy([0, 0], id, other);
    const here = [await watch(first, id), await watch(first, id)];
    await listenedToBy([1, 0], id, other);
    const there = await watch(second, id);
    await watch(second, other);
    await listenedToBy([2, 1], id, other);
    here[0]?.close();
    there.close();
    await listenedToBy([1], id);
    await listenedToBy([1, 1], id, other);
    await updateBy(second, id, 'Still heard Ltd');
    expect(customerIn((await here[1]?.next()) as StreamedEvent).company).toBe('Still heard Ltd');
    here[1]?.close();
    await listenedToBy([0], id);
  });

  test('no connection listens to any customer once the last subscription has ended', async () => {
    const id = await newCustomer();
    const stream = await watch(first, id);
    await listenedToBy([1], id);
    stream.close();
    await until(
      'no customer to be listened to',
      () => redis.pubsub('CHANNELS', `${prefix}customer:*`),
      ({ length }) => length === 0,
    );
    const again = await watch(first, id);
    await updateBy(second, id, 'Again Ltd');
    expect(customerIn(await again.next()).company).toBe('Again Ltd');
  });

  test('a message names the customer and says nothing about the change', async () => {
    const id = await newCustomer();
    const ear = new Redis(redisUrl());
    const messages: string[] = [];
    ear.on('pmessage', (_, to: string, message: string) => messages.push(`${to} ${message}`));
    await ear.psubscribe(`${prefix}customer:*`);
    await updateBy(first, id, 'Secret Ltd');
    await until(
      'a message',
      () => messages,
      ({ length }) => length > 0,
    );
    expect(messages).toEqual([expect.stringMatching(new RegExp(`:customer:${rowOf(id)} [0-9a-f-]{36}$`))]);
    ear.disconnect();
  });
});
