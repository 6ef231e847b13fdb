import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { customerOf, startWritingGateway, type WritingGateway } from '../mutations/writing-gateway.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { orGiveUp, pause, until, within } from '../support/patience.ts';
import { CHANGED, subscribe, type EventReader } from './event-reader.ts';

const UPDATE = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';

let writer: WritingGateway;
let id: string;
const opened: { close(): unknown }[] = [];
beforeAll(async () => {
  writer = await startWritingGateway();
  ({ id } = customerOf(await writer.create({ name: 'Ada' })));
});
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close();
});
afterAll(() => writer.close());

const keep = <Opened extends { close(): unknown }>(one: Opened): Opened => {
  opened.push(one);
  return one;
};
const start = async (settings: Readonly<Record<string, string>> = {}) =>
  keep(await startGateway({ databaseUrl: writer.databaseUrl, settings }));
const watch = async (gateway: TestGateway, customer = id): Promise<EventReader> => {
  const stream = keep(await subscribe(gateway.url, CHANGED, { variables: { id: customer } }));
  await stream.next();
  return stream;
};

async function endedBy(gateway: TestGateway, reason: string): Promise<number> {
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  const line = new RegExp(`^concierge_subscriptions_ended_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(metrics);
  return Number(line?.[1] ?? 0);
}

const open = (gateway: TestGateway) => gateway.metric('concierge_subscriptions');
const untilOpen = (gateway: TestGateway, count: number) =>
  until(
    `${count} subscriptions`,
    () => open(gateway),
    (seen) => seen === count,
  );
/** Requests and subscriptions in flight, including the one that reads this number. */
const inFlight = (gateway: TestGateway) => gateway.metric('concierge_http_requests_in_flight');

/** A subscription request as bytes. */
function requestFor(query: string): string {
  const body = JSON.stringify({ query, variables: { id } });
  const head = [
    'POST /graphql HTTP/1.1',
    'host: localhost',
    'accept: text/event-stream',
    'content-type: application/json',
    `content-length: ${body.length}`,
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

function connectTo(gateway: TestGateway): Socket {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  keep({ close: () => socket.destroy() });
  return socket;
}

async function raw(gateway: TestGateway, query = CHANGED, copies = 1): Promise<Socket> {
  const socket = connectTo(gateway);
  socket.write(requestFor(query).repeat(copies));
  await orGiveUp('the first bytes of an answer', once(socket, 'readable'));
  return socket;
}

/** A request without its last byte, until `send`. */
async function half(gateway: TestGateway) {
  const socket = connectTo(gateway);
  const request = requestFor(CHANGED);
  const before = await inFlight(gateway);
  socket.write(request.slice(0, -1));
  await until(
    'the request to have begun',
    () => inFlight(gateway),
    (count) => count === before + 1,
  );
  const answer = orGiveUp('an answer', once(socket, 'data')).then(([data]) => String(data));
  return { answer, send: () => socket.write(request.slice(-1)) };
}

describe('a client that disconnects', () => {
  test.each<[string, (socket: Socket) => unknown]>([
    ['closes its connection', (socket) => socket.end()],
    ['drops its connection', (socket) => socket.destroy()],
    ['has its connection reset', (socket) => socket.resetAndDestroy()],
  ])('and %s ends its subscription within a second', async (_, goAway) => {
    const gateway = await start();
    const socket = await raw(gateway);
    expect(await open(gateway)).toBe(1);
    goAway(socket);
    await within(1_000, 'the end of the subscription', () => untilOpen(gateway, 0));
    expect(await endedBy(gateway, 'client')).toBe(1);
  });

  test('also ends the subscription that was queued behind it on the same connection', async () => {
    const gateway = await start();
    const socket = await raw(gateway, CHANGED, 2);
    await untilOpen(gateway, 2);
    socket.destroy();
    await within(1_000, 'the end of both', () => untilOpen(gateway, 0));
  });

  test('before it gets a response leaves no subscription behind', async () => {
    const gateway = await start();
    for (let i = 0; i < 60; i += 1) {
      const socket = connectTo(gateway);
      socket.write(requestFor(CHANGED), () => {
        if (i % 3 === 0) socket.resetAndDestroy();
        else void pause(i % 7).then(() => socket.destroy());
      });
      await orGiveUp('the connection to close', once(socket, 'close'));
    }
    await until(
      'more than ten to have been answered in vain',
      () => endedBy(gateway, 'client'),
      (ended) => ended > 10,
    );
    await until(
      'the last of them to be noticed',
      () => inFlight(gateway),
      (count) => count === 1,
    );
    await untilOpen(gateway, 0);
  });

  test('causes no more reads', async () => {
    const gateway = await start();
    const stream = await watch(gateway);
    stream.close();
    await untilOpen(gateway, 0);
    const other = customerOf(await writer.create({ name: 'Grace' })).id;
    const witness = await watch(gateway, other);
    const statements = await gateway.statementsOf(async () => {
      await gateway.data(UPDATE, { input: { id, company: randomUUID() } });
      // It is read later than a subscription to the first would have been.
      await gateway.data(UPDATE, { input: { id: other, company: randomUUID() } });
      await witness.next();
    });
    expect(statements.get('Customer by id')).toBe(1);
  });
});

describe('a client that does not read', () => {
  // About a megabyte per event.
  const large = `subscription($id: ID!) { customerChanged(id: $id) { version ${Array.from({ length: 5_000 }, (_, i) => `a${i}: company`).join(' ')} } }`;
  const company = (i: number) => `${i}`.padEnd(200, 'x');

  const roomy = { LIMIT_TOKENS: '20000', LIMIT_ALIASES: '5000' };
  const patient = { ...roomy, LIMIT_STALL_MS: '600000' };

  test('is sent only what it reads, with new changes combined into one result', async () => {
    const gateway = await start(patient);
    const socket = await raw(gateway, large);
    socket.pause();
    const reader = await watch(gateway);
    for (let i = 0; i < 40; i += 1) {
      await gateway.data(UPDATE, { input: { id, company: company(i) } });
      // A client that reads is not delayed by one that does not.
      expect((await reader.next()).data.data.customerChanged.company).toBe(company(i));
    }
    expect(await gateway.metric('concierge_subscription_events_collapsed_total')).toBeGreaterThan(10);
    expect([await endedBy(gateway, 'stalled'), await open(gateway)]).toEqual([0, 2]);
  });

  test('for too long is disconnected, and no other client is', async () => {
    const gateway = await start({ ...roomy, LIMIT_STALL_MS: '500' });
    const socket = await raw(gateway, large);
    socket.pause();
    const reader = await watch(gateway);
    let updates = 0;
    await until(
      'the client to be cut',
      async () => {
        updates += 1;
        await gateway.data(UPDATE, { input: { id, company: company(updates) } });
        await reader.next();
        return { updates, cut: await endedBy(gateway, 'stalled') };
      },
      ({ cut }) => cut > 0,
    );
    await untilOpen(gateway, 1);
    expect(await endedBy(gateway, 'stalled')).toBe(1);
    await gateway.data(UPDATE, { input: { id, company: 'After Ltd' } });
    expect((await reader.next()).data.data.customerChanged.company).toBe('After Ltd');
  });

  test('for a while gets the newest state as soon as it reads again', async () => {
    const gateway = await start(patient);
    const socket = await raw(gateway, large);
    socket.pause();
    for (let i = 0; i < 40; i += 1) await gateway.data(UPDATE, { input: { id, company: company(i) } });
    let text = '';
    const versions = () => [...text.matchAll(/"customerChanged":\{"version":(\d+),"a0":"(\d+)x/g)];
    socket.setEncoding('utf8').on('data', (data: string) => (text += data));
    socket.resume();
    await until(
      'the newest state',
      () => versions().at(-1)?.[2],
      (newest) => newest === '39',
    );
    expect(versions().length).toBeLessThan(30);
    const seen = versions().map(([, version]) => Number(version));
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(await endedBy(gateway, 'stalled')).toBe(0);
  });
});

describe('one subscription more than allowed', () => {
  const refused = async ({ url }: TestGateway, query = CHANGED) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables: { id } }),
    });
    return [response.status, response.headers.get('retry-after'), await response.json()];
  };
  const refusal = (status: number, code: string, expected: string) => [
    status,
    '5',
    { errors: [{ message: `Expected ${expected}, got one more; end one, or try again later.`, extensions: { code } }] },
  ];

  test.each([
    ['for a client', 'LIMIT_SUBSCRIPTIONS_PER_CLIENT', 429, 'RATE_LIMITED', 'at most 2 subscriptions of one client'],
    ['for a gateway', 'LIMIT_SUBSCRIPTIONS', 503, 'SERVICE_UNAVAILABLE', 'at most 2 subscriptions on this gateway'],
  ])('%s is refused until another has ended', async (_, setting, ...[status, code, expected]) => {
    const gateway = await start({ [setting]: '2' });
    const [first] = [await watch(gateway), await watch(gateway)];
    expect(await refused(gateway)).toEqual(refusal(status, code, expected));
    expect(await gateway.metric('concierge_subscriptions_refused_total')).toBe(1);
    // Other requests are not affected.
    expect((await gateway.data('{ __typename }')).__typename).toBe('Query');
    first.close();
    await untilOpen(gateway, 1);
    await watch(gateway);
    expect(await refused(gateway)).toEqual(refusal(status, code, expected));
  });

  test('for the memory that documents may take together is refused until another has ended', async () => {
    const gateway = await start({ LIMIT_BUFFER_BYTES: '150000' });
    const large = `${CHANGED} #${'x'.repeat(60_000)}`;
    const [first] = [keep(await subscribe(gateway.url, large, { variables: { id } })), await watch(gateway)];
    await first.next();
    const expected = refusal(
      503,
      'SERVICE_UNAVAILABLE',
      'subscriptions whose documents and variables take at most 150000 bytes of memory together',
    );
    expect(await refused(gateway, large)).toEqual(expected);
    // There is room for smaller ones.
    await watch(gateway);
    first.close();
    await untilOpen(gateway, 2);
    await keep(await subscribe(gateway.url, large, { variables: { id } })).next();
    expect(await refused(gateway, large)).toEqual(expected);
  });

  test('is accepted as soon as the previous one has ended, even if that ended at once', async () => {
    const gateway = await start({ LIMIT_SUBSCRIPTIONS: '1' });
    for (let i = 0; i < 20; i += 1) {
      const stream = await subscribe(gateway.url, CHANGED, { variables: { id: 'x' } });
      expect(stream.status).toBe(200);
      await stream.end();
    }
  });
});

describe('a gateway that stops', () => {
  test("completes each client's stream, and waits for none of them", async () => {
    const gateway = await startGateway({
      databaseUrl: writer.databaseUrl,
      settings: { LIMIT_TOKENS: '20000', LIMIT_ALIASES: '5000' },
    });
    const streams = [await watch(gateway), await watch(gateway)];
    const reader = await raw(gateway);
    const large = `subscription($id: ID!) { customerChanged(id: $id) { ${Array.from({ length: 5_000 }, (_, i) => `a${i}: company`).join(' ')} } }`;
    const stuck = await raw(gateway, large);
    stuck.pause();
    for (let i = 0; i < 20; i += 1) await gateway.data(UPDATE, { input: { id, company: `${i}`.padEnd(200, 'x') } });
    let text = '';
    reader.setEncoding('utf8').on('data', (data: string) => (text += data));
    const ended = orGiveUp('the stream to end', once(reader, 'close'));
    reader.resume();
    // A client that has not sent its request yet.
    const late = await half(gateway);
    const refused = await within(2_000, 'the stop', async () => {
      const closed = gateway.close();
      for (const stream of streams) {
        const events = await stream.until(({ event }) => event === 'complete');
        expect(events.slice(0, -1).every(({ event }) => event === 'next')).toBe(true);
        // Otherwise its client would come back to this gateway.
        await expect(fetch(`${gateway.url}/health/live`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
        await stream.end();
      }
      late.send();
      const answer = await late.answer;
      await closed;
      return answer;
    });
    expect(refused).toMatch(/^HTTP\/1\.1 503 [^]*The gateway is stopping/);
    await ended;
    expect(text).toMatch(/event: complete\r?\ndata:\n\n/);
  });
});
