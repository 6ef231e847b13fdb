import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Operation } from '../../src/graphql/operation.ts';
import { timeLimit } from '../../src/graphql/stages/execute.ts';
import { PACE } from '../../src/pace.ts';
import { TURNS } from '../../src/turns.ts';
import { bearing, BY_SECRET, tokenOf } from '../access/tokens.ts';
import { PATIENT } from '../support/gateway.ts';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import { orGiveUp, until } from '../support/patience.ts';

const [HEAVY, OTHER] = ['127.0.0.2', '127.0.0.3'];

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let gateway: OwnGateway;
let over: AbortController;
let busy: Promise<void>;
beforeEach(() => {
  over = new AbortController();
});
afterEach(async () => {
  over.abort();
  await busy;
  await gateway.close();
  jest.restoreAllMocks();
});

/** Starts a gateway in a process that is busy all the time, as if with the work of one client, while another one asks. */
async function start(settings: Readonly<Record<string, string>> = {}, heavy = HEAVY, other = OTHER): Promise<void> {
  gateway = await startOwnGateway({ ...PATIENT, ...settings });
  // What they really take depends on the machine.
  jest.spyOn(TURNS.served, 'shareOf').mockImplementation((client) => (client === heavy ? 0.9 : 0.05));
  jest.spyOn(TURNS.served, 'averageShare').mockReturnValue(0.5);
  const keepBusy = async (): Promise<void> => {
    while (!over.signal.aborted) {
      PACE.isHeld(other);
      // oxlint-disable-next-line eslint/no-await-in-loop -- one turn after the other
      await turn();
    }
  };
  busy = keepBusy();
  await until('the client that takes most to be held back', () => PACE.isHeld(heavy));
}

interface Sent {
  readonly answer: Promise<{ readonly status: number; readonly text: string }>;
  readonly isAnswered: () => boolean;
  readonly giveUp: () => void;
}

function send(localAddress: string, { query = '{ customers(first: 1) { totalCount } }', token = '' } = {}): Sent {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/graphql-response+json',
    ...(token === '' ? {} : bearing(token)),
  };
  const sent = request(`${gateway.url}/graphql`, { method: 'POST', localAddress, headers, agent: false });
  let isAnswered = false;
  const response = new Promise<Awaited<Sent['answer']>>((resolve, reject) => {
    sent.on('error', reject).on('response', (message) => {
      let text = '';
      message.setEncoding('utf8').on('data', (part: string) => (text += part));
      message.on('end', () => {
        isAnswered = true;
        resolve({ status: message.statusCode ?? 0, text });
      });
    });
  });
  const answer = orGiveUp('a response', response);
  // Those that are given up have none.
  answer.catch(() => undefined);
  sent.end(JSON.stringify({ query }));
  return { answer, isAnswered: () => isAnswered, giveUp: () => sent.destroy() };
}

const untilHeld = (count: number): Promise<unknown> =>
  until(
    `${count} requests to be held back`,
    () => gateway.metric('concierge_held_back'),
    (held) => held === count,
  );

describe('a request of a client that takes most of a busy event loop', () => {
  test('waits while others are answered, and is answered once they come no more', async () => {
    await start();
    const sent = [send(HEAVY), send(HEAVY), send(HEAVY)];
    await untilHeld(3);
    for (let i = 0; i < 10; i += 1)
      // oxlint-disable-next-line eslint/no-await-in-loop -- one after the other
      expect((await send(OTHER).answer).status).toBe(200);
    expect(sent.map(({ isAnswered }) => isAnswered())).toEqual([false, false, false]);
    over.abort();
    expect((await Promise.all(sent.map(({ answer }) => answer))).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await gateway.metric('concierge_held_back')).toBe(0);
    expect(await gateway.metric('concierge_held_back_requests_total')).toBe(3);
  });

  test('is told so when its time is up', async () => {
    await start({ LIMIT_REQUEST_MS: '300' });
    const { status, text } = await send(HEAVY).answer;
    expect(status).toBe(504);
    expect(JSON.parse(text)).toMatchObject({
      errors: [
        {
          message: 'The request took longer than 300 ms: its client takes more than others. Send fewer at once.',
          extensions: { code: 'TIMEOUT' },
        },
      ],
    });
    expect(await gateway.metric('concierge_executions_total')).toBe(0);
  });

  test('is dropped when its client goes', async () => {
    await start();
    const sent = [send(HEAVY), send(HEAVY)];
    await untilHeld(2);
    sent[0]?.giveUp();
    await untilHeld(1);
    sent[1]?.giveUp();
    await untilHeld(0);
    expect(await gateway.metric('concierge_executions_total')).toBe(0);
  });

  test('is answered when the gateway stops', async () => {
    await start();
    const sent = [send(HEAVY), send(HEAVY)];
    await untilHeld(2);
    const stopping = gateway.close();
    over.abort();
    expect((await Promise.all(sent.map(({ answer }) => answer))).map(({ status }) => status)).toEqual([200, 200]);
    await stopping;
  });

  test('waits wherever it comes from, if its client has a name, and others from the same address do not', async () => {
    await start(BY_SECRET, 'subject ada', 'subject ben');
    const [ada, ben] = await Promise.all(['ada', 'ben'].map((sub) => tokenOf({ sub, scope: 'crm:read' })));
    const sent = [send(HEAVY, { token: ada }), send(OTHER, { token: ada })];
    await untilHeld(2);
    expect((await send(HEAVY, { token: ben }).answer).status).toBe(200);
    expect(sent.map(({ isAnswered }) => isAnswered())).toEqual([false, false]);
    over.abort();
    expect((await Promise.all(sent.map(({ answer }) => answer))).map(({ status }) => status)).toEqual([200, 200]);
  });

  test('does not wait where one client may have all requests, since clients are told apart elsewhere', async () => {
    await start({ LIMIT_REQUESTS: '50', LIMIT_REQUESTS_PER_CLIENT: '50' });
    for (let i = 0; i < 10; i += 1)
      // oxlint-disable-next-line eslint/no-await-in-loop -- one after the other
      expect((await send(HEAVY).answer).status).toBe(200);
    expect(PACE.isHeld(HEAVY)).toBe(true);
    expect(await gateway.metric('concierge_held_back_requests_total')).toBe(0);
  });
});

test('what is done for a request is charged to its client', async () => {
  await start(BY_SECRET);
  const token = await tokenOf({ sub: 'eve', scope: 'crm:read' });
  const had = (client: string) => TURNS.served.of(client) > 0;
  expect([had('127.0.0.9'), had('subject eve')]).toEqual([false, false]);
  await send('127.0.0.9').answer;
  expect([had('127.0.0.9'), had('subject eve')]).toEqual([true, false]);
  await send('127.0.0.8', { token }).answer;
  expect([had('127.0.0.8'), had('subject eve')]).toEqual([true, true]);
});

test.each([
  [undefined, 10_000],
  [0, 10_000],
  [4_000, 6_000],
  [10_001, 0],
])('a request that was held back for %p ms has %d of 10,000 left', (heldMs, left) => {
  const { signal } = new AbortController();
  const operation = { signal, ...(heldMs === undefined ? {} : { heldMs }) } as Operation;
  expect(timeLimit(operation, 10_000)).toMatchObject({ ms: left, signal });
});
