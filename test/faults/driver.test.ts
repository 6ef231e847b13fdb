import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PATIENT, startGateway, type Answer, type TestGateway } from '../support/gateway.ts';
import { packet, packetsOf } from '../support/mysql-packets.ts';
import { until } from '../support/patience.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { createAuthority, type Authority, type KeyPair } from '../tls/certificates.ts';
import { startLyingProxy, type LyingProxy, type Spoil } from './lying-proxy.ts';

const bytes = (...given: number[]): Buffer => packet(1, Buffer.from(given));
const refusal = (number: number): Buffer =>
  packet(1, Buffer.concat([Buffer.from([0xff, number & 255, number >> 8]), Buffer.from('#HY000planted')]));

const LIES: readonly (readonly [string, Buffer])[] = [
  ['an unknown error code', refusal(65_000)],
  ['an error cut short', bytes(0xff, 0x01)],
  ['an OK cut short', bytes(0x00)],
  [
    'one column, whose name runs past the end of its packet',
    Buffer.concat([bytes(1), packet(2, Buffer.from([3, 0x64]))]),
  ],
  ['an impossible number of columns', bytes(0xfe, 255, 255, 255, 255, 255, 255, 255, 255)],
  ['a request for a file', bytes(0xfb, 0x2f, 0x65)],
  ['the end of rows before the first', bytes(0xfe, 0, 0, 2, 0)],
  ['noise', packet(7, Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 151 + 7) % 256)))],
  ['noise without packets', Buffer.from(Array.from({ length: 64 }, () => 0x41))],
];

/** An answer up to its first row of three, and the number of the packet that comes next. */
function firstRow(answer: Buffer): { bytes: Buffer; next: number } {
  const packets = packetsOf(answer).slice(0, -3);
  return { bytes: Buffer.concat(packets), next: packets.length + 1 };
}

const SPOILS: readonly (readonly [string, Spoil])[] = [
  [
    'an error after the first row',
    (answer) => {
      const { bytes: start, next } = firstRow(answer);
      const error = refusal(1317);
      error[3] = next;
      return { bytes: Buffer.concat([start, error]) };
    },
  ],
  ['an end of the connection after the first row', (answer) => ({ bytes: firstRow(answer).bytes, cuts: true })],
  ['an end of the connection amid a row', (answer) => ({ bytes: answer.subarray(0, -30), cuts: true })],
  ['no end of the rows', (answer) => ({ bytes: firstRow(answer).bytes })],
  ['half of a row and no more', (answer) => ({ bytes: answer.subarray(0, -30) })],
];

const PREPARE = 0x16;
const EXECUTE = 0x17;
const isOf = (command: number) => (data: Buffer) => data[4] === command;
const isCommit = (data: Buffer) => data.toString('latin1', 5) === 'COMMIT';
const CREATE =
  'mutation($name: String!) { createCustomer(input: {name: $name}) { customer { name } userErrors { code } } }';

const OTHER = '{ agents(first: 1) { nodes { name } } }';
const THREE = '{ products(first: 3) { nodes { name sku price { amount } } } }';
const KNOWN = '{ products(first: 1) { nodes { name } } }';
const untilAnswered = (ask: () => Promise<Answer>) => until('a response', ask, ({ errors }) => errors.length === 0);

// All concurrently, each with its own gateway: most of them only wait for the rest of an answer.
describe.each([
  ['in plain text', false],
  ['over TLS', true],
])('an unexpected packet from the server, %s,', (_name, isTls) => {
  let database: TestDatabase;
  let authority: Authority;
  let pair: KeyPair | undefined;
  beforeAll(async () => {
    [database, authority] = await Promise.all([createDatabase(), createAuthority('ours')]);
    if (isTls) pair = await authority.issue(['localhost']);
    await withConnection(database.url, (connection) =>
      connection.query(
        "INSERT INTO products (sku, name, price, currency, created_at, updated_at) VALUES ('a', 'Ale', 1, 'EUR', NOW(), NOW()), ('b', 'Bun', 1, 'EUR', NOW(), NOW()), ('c', 'Cup', 1, 'EUR', NOW(), NOW())",
      ),
    );
    // Prisma Client loads its engine at the first write. When many gateways of this process did so at once, the test runner's
    // loader of modules has left all of them without it.
    const gateway = await startGateway({ databaseUrl: database.url, settings: PATIENT });
    expect((await gateway.data(CREATE, { name: 'First' })).createCustomer.userErrors).toEqual([]);
    await gateway.close();
  });
  afterAll(() => Promise.all([database.drop(), authority.remove()]));

  interface LiedTo {
    readonly proxy: LyingProxy;
    readonly gateway: TestGateway;
  }

  async function lyingTo(work: (liedTo: LiedTo) => Promise<void>): Promise<void> {
    const proxy = await startLyingProxy(Number(new URL(database.url).port), pair);
    const search = isTls ? `ssl-mode=VERIFY_CA&ssl-ca=${authority.certFile}` : '';
    const databaseUrl = Object.assign(new URL(database.url), { port: String(proxy.port), search }).href;
    // Each connection keeps one statement: another one is prepared, and then the first again. Whatever waits for the rest of an
    // answer is given up after the statement timeout.
    const settings = {
      ...PATIENT,
      LIMIT_STATEMENT_MS: '5000',
      LIMIT_DATABASE_WAIT_MS: '5000',
      LIMIT_DATABASE_CONNECTIONS: '2',
      LIMIT_PREPARED_STATEMENTS: '6',
    };
    const gateway = await startGateway({ databaseUrl, settings });
    await untilAnswered(() => gateway.request(KNOWN));
    try {
      await work({ proxy, gateway });
    } finally {
      await gateway.close();
      await proxy.close();
    }
  }

  /** The request that gets a false answer fails with one error with a code; the next ones succeed. */
  async function expectOneError({ proxy, gateway }: LiedTo, answer: Answer): Promise<void> {
    expect(proxy.lies()).toBe(1);
    expect(answer.errors.map(({ extensions }) => extensions.code)).toEqual([
      expect.stringMatching(/^(?:SERVICE_UNAVAILABLE|INTERNAL_SERVER_ERROR|TIMEOUT)$/),
    ]);
    expect(answer.text).not.toMatch(/planted|SELECT|driver|socket/);
    expect((await untilAnswered(() => gateway.request(KNOWN))).errors).toEqual([]);
  }

  test.concurrent.each(LIES)('at PREPARE (%s) fails only that request', (_, lie) =>
    lyingTo(async ({ proxy, gateway }) => {
      proxy.answerNext(isOf(PREPARE), lie);
      await expectOneError({ proxy, gateway }, await gateway.request(OTHER));
    }),
  );

  test.concurrent.each(LIES)('at EXECUTE (%s) fails only that request', (_, lie) =>
    lyingTo(async ({ proxy, gateway }) => {
      proxy.answerNext(isOf(EXECUTE), lie);
      await expectOneError({ proxy, gateway }, await gateway.request(KNOWN));
    }),
  );

  test.concurrent.each(SPOILS)('among the rows (%s) fails only that request', (_, spoil) =>
    lyingTo(async ({ proxy, gateway }) => {
      // Prepared now, which is a command of its own.
      await untilAnswered(() => gateway.request(THREE));
      proxy.spoilNext(isOf(EXECUTE), spoil);
      await expectOneError({ proxy, gateway }, await gateway.request(THREE));
      expect((await untilAnswered(() => gateway.request(THREE))).data.products.nodes).toHaveLength(3);
    }),
  );

  test.concurrent.each(LIES.filter(([what]) => !what.includes('OK')))(
    'at COMMIT (%s) fails only that write',
    (what, lie) =>
      lyingTo(async ({ proxy, gateway }) => {
        proxy.answerNext(isCommit, lie);
        // A server whose disk is busy may take longer for the write than this gateway waits.
        const write = async () => ({
          answer: await gateway.request(CREATE, { variables: { name: what } }),
          log: gateway.logLines.slice(-3),
        });
        const { answer } = await until('a write that gets as far as COMMIT', write, () => proxy.lies() > 0);
        await expectOneError({ proxy, gateway }, answer);
        const again = await untilAnswered(() => gateway.request(CREATE, { variables: { name: `${what} again` } }));
        expect(again.data.createCustomer.userErrors).toEqual([]);
      }),
  );

  test.concurrent.each(LIES)('during the sign-in (%s) fails the requests that wait for the connection', (_, lie) =>
    lyingTo(async ({ proxy, gateway }) => {
      proxy.greet(lie);
      const { errors } = await gateway.request(OTHER);
      expect(errors.map(({ extensions }) => extensions.code)).toEqual(['SERVICE_UNAVAILABLE']);
      proxy.greet(undefined);
      expect((await untilAnswered(() => gateway.request(KNOWN))).errors).toEqual([]);
    }),
  );
});
