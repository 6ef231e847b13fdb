import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BRIEF_DATABASE_WAIT, PATIENT, startGateway, type Answer, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { startLyingProxy, type LyingProxy } from './lying-proxy.ts';

/** A packet of the protocol: three bytes of length, a number in the sequence, the body. */
const packet = (sequence: number, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from([body.length & 255, body.length >> 8, 0, sequence]), body]);
const bytes = (...given: number[]): Buffer => packet(1, Buffer.from(given));
const refusal = (number: number): Buffer =>
  packet(1, Buffer.concat([Buffer.from([0xff, number & 255, number >> 8]), Buffer.from('#HY000planted')]));

const LIES: readonly (readonly [string, Buffer])[] = [
  ['an error that there is not', refusal(65_000)],
  ['an error cut short', bytes(0xff, 0x01)],
  ['an OK cut short', bytes(0x00)],
  [
    'one column, whose name runs past the end of its packet',
    Buffer.concat([bytes(1), packet(2, Buffer.from([3, 0x64]))]),
  ],
  ['a number of columns that there cannot be', bytes(0xfe, 255, 255, 255, 255, 255, 255, 255, 255)],
  ['a file to be sent to the server', bytes(0xfb, 0x2f, 0x65)],
  ['the end of rows before the first', bytes(0xfe, 0, 0, 2, 0)],
  ['noise', packet(7, Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 151 + 7) % 256)))],
  ['noise without packets', Buffer.from(Array.from({ length: 64 }, () => 0x41))],
];

const PREPARE = 0x16;
const EXECUTE = 0x17;
const isOf = (command: number) => (data: Buffer) => data[4] === command;
const isCommit = (data: Buffer) => data.toString('latin1', 5) === 'COMMIT';
const CREATE =
  'mutation($name: String!) { createCustomer(input: {name: $name}) { customer { name } userErrors { code } } }';

describe('a driver that is sent what it does not expect', () => {
  let database: TestDatabase;
  let proxy: LyingProxy;
  let gateway: TestGateway;
  beforeAll(async () => {
    database = await createDatabase();
    proxy = await startLyingProxy(Number(new URL(database.url).port));
    const databaseUrl = Object.assign(new URL(database.url), { port: String(proxy.port) }).href;
    // Each connection keeps one statement: another is prepared, and then the first one again.
    // What waits for the rest of an answer is given up after the time of a statement.
    const settings = {
      ...PATIENT,
      ...BRIEF_DATABASE_WAIT,
      LIMIT_STATEMENT_MS: '1000',
      LIMIT_DATABASE_CONNECTIONS: '2',
      LIMIT_PREPARED_STATEMENTS: '3',
    };
    gateway = await startGateway({ databaseUrl, settings });
  });
  afterAll(async () => {
    await gateway.close();
    await proxy.close();
    await database.drop();
  });

  const OTHER = '{ agents(first: 1) { nodes { name } } }';
  const KNOWN = '{ products(first: 1) { nodes { name } } }';
  const untilAnswered = (ask: () => Promise<Answer>) => until('an answer', ask, ({ errors }) => errors.length === 0);

  /** The request that is lied to gets one error with a code; the next are answered. */
  async function expectOneError(answer: Answer, told: number): Promise<void> {
    expect(proxy.lies()).toBe(told + 1);
    expect(answer.errors.map(({ extensions }) => extensions.code)).toEqual([
      expect.stringMatching(/^(?:SERVICE_UNAVAILABLE|INTERNAL_SERVER_ERROR|TIMEOUT)$/),
    ]);
    expect(answer.text).not.toMatch(/planted|SELECT|driver|socket/);
    expect((await untilAnswered(() => gateway.request(KNOWN))).errors).toEqual([]);
  }

  test.each(LIES)('at PREPARE, %s, fails that request alone', async (_, lie) => {
    await untilAnswered(() => gateway.request(KNOWN));
    const told = proxy.lies();
    proxy.answerNext(isOf(PREPARE), lie);
    await expectOneError(await gateway.request(OTHER), told);
  });

  test.each(LIES)('at EXECUTE, %s, fails that request alone', async (_, lie) => {
    await untilAnswered(() => gateway.request(KNOWN));
    const told = proxy.lies();
    proxy.answerNext(isOf(EXECUTE), lie);
    await expectOneError(await gateway.request(KNOWN), told);
  });

  test.each(LIES.filter(([what]) => !what.includes('OK')))(
    'at COMMIT, %s, fails that write alone',
    async (what, lie) => {
      await untilAnswered(() => gateway.request(KNOWN));
      const told = proxy.lies();
      proxy.answerNext(isCommit, lie);
      await expectOneError(await gateway.request(CREATE, { variables: { name: what } }), told);
      const again = await untilAnswered(() => gateway.request(CREATE, { variables: { name: `${what} again` } }));
      expect(again.data.createCustomer.userErrors).toEqual([]);
    },
  );

  test.each(LIES)('when it signs in, %s, fails what waits for the connection', async (_, lie) => {
    proxy.greet(lie);
    const { errors } = await gateway.request(OTHER);
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['SERVICE_UNAVAILABLE']);
    proxy.greet(undefined);
    expect((await untilAnswered(() => gateway.request(KNOWN))).errors).toEqual([]);
  });
});
