import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ANYBODY } from '../../src/access/caller.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { watchMemory } from '../../src/telemetry/memory.ts';
import { answerOf, asking, createRunAlone, originOf } from '../access/run-alone.ts';
import { startProcess, type GatewayProcess } from '../cli/gateway-process.ts';
import { ask } from '../http/ask.ts';
import { PATIENT } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';

const holdMemory = pathToFileURL(join(import.meta.dirname, 'hold-memory.ts')).href;

let database: TestDatabase;
let gateway: GatewayProcess;
beforeAll(async () => {
  database = await createDatabase();
  const settings = {
    ...PATIENT,
    DATABASE_URL: database.url,
    CACHE_ENABLED: 'false',
  };
  // A large young generation makes no difference.
  const heap = '--max-old-space-size=256 --max-semi-space-size=64';
  gateway = startProcess({ ...settings, NODE_OPTIONS: `${heap} --import ${holdMemory}` });
});
afterAll(async () => {
  gateway.kill('SIGKILL');
  await gateway.ended;
  await database.drop();
});

describe("the limit of the heap's old generation", () => {
  const program = join(import.meta.dirname, 'show-heap-limit.ts');
  const megabytesWith = async (...flags: readonly string[]): Promise<number> => {
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, program]);
    return Number(stdout) / 1024 / 1024;
  };

  test.each(['--max-old-space-size=256', '--max_old_space_size=256 --max-semi-space-size=64'])(
    'is the one that was given: %s',
    async (flags) => {
      expect(await megabytesWith(...flags.split(' '))).toBe(256);
    },
  );

  test.each([1, 48, 512])('is the same with a young generation of 3 times %d MB as by default', async (size) => {
    const ratio = (await megabytesWith(`--max-semi-space-size=${size}`)) / (await megabytesWith());
    expect([ratio > 0.95, ratio < 1.05]).toEqual([true, true]);
  });
});

test('an execution does not begin while memory is short, however long ago its request was admitted', async () => {
  let isShort = false;
  const { prepare, run, executions } = createRunAlone({ memory: { isShort: () => isShort } });
  const operation = prepare(asking('{ __typename }'), originOf(ANYBODY));
  expect(answerOf(await run(operation)).result).toEqual({ data: { __typename: 'Query' } });
  isShort = true;
  const { status, result } = answerOf(await run(operation));
  expect([status, result, executions()]).toMatchObject([
    503,
    { errors: [{ extensions: { code: 'SERVICE_UNAVAILABLE' } }] },
    1,
  ]);
});

test('garbage is collected a twentieth of the time at most, and again and again while memory is short', () => {
  const collections: number[] = [];
  let [nowMs, used] = [1_000, 90];
  const watch = watchMemory({
    log: createLog({ level: 'silent', readable: false, destination: process.stderr }),
    nodeFlags: [],
    machine: {
      now: () => nowMs,
      lookAtProcess: () => ({ used: 0, limit: 100 }),
      heap: () => ({ used, limit: 100 }),
      collect: () => {
        collections.push(nowMs);
        nowMs += 300;
      },
    },
  });
  try {
    for (; nowMs < 20_000; nowMs += 10) expect(watch.isShort()).toBe(true);
    expect(collections.length).toBeGreaterThan(2);
    for (const [i, at] of collections.entries()) {
      const next = collections[i + 1] ?? Infinity;
      expect(next - (at + 300)).toBeGreaterThanOrEqual(20 * 300);
    }
    [nowMs, used] = [nowMs + 10, 80];
    expect(watch.isShort()).toBe(true);
    [nowMs, used] = [nowMs + 10, 70];
    expect(watch.isShort()).toBe(false);
  } finally {
    watch.close();
  }
});

test('memory that the process keeps after it has freed it does not count as short for ever', () => {
  let [nowMs, used] = [1_000, 90];
  const watch = watchMemory({
    log: createLog({ level: 'silent', readable: false, destination: process.stderr }),
    nodeFlags: [],
    machine: {
      now: () => nowMs,
      lookAtProcess: () => ({ used, limit: 100 }),
      heap: () => ({ used: 0, limit: 100 }),
      collect: () => undefined,
    },
  });
  const isShortAt = (ms: number, megabytes: number): boolean => {
    [nowMs, used] = [ms, megabytes];
    // Once for the collection of garbage, after which the system is asked again.
    watch.isShort();
    nowMs += 6;
    return watch.isShort();
  };
  try {
    expect(isShortAt(2_000, 90)).toBe(true);
    expect(isShortAt(4_000, 80)).toBe(true);
    expect(isShortAt(22_000, 80)).toBe(false);
  } finally {
    watch.close();
  }
});

test('while the heap is nearly full, GraphQL requests are refused, and handled again when it is not', async () => {
  const address = await gateway.address;
  const headers = { accept: 'application/graphql-response+json' };
  const query = () => ask(`${address}/graphql?query=${encodeURIComponent('{ customers { totalCount } }')}`, headers);
  expect((await query()).status).toBe(200);
  gateway.kill('SIGUSR2');
  const refused = await until('a refusal', query, ({ status }) => status !== 200);
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
  expect(refused.body.toString()).toBe(
    '{"errors":[{"message":"The gateway is short of memory; send the request again later.","extensions":{"code":"SERVICE_UNAVAILABLE"}}]}',
  );
  expect((await ask(`${address}/health/live`)).status).toBe(200);
  const ready = async () => {
    const { status, body } = await ask(`${address}/health/ready`);
    return { code: status, ...(JSON.parse(body.toString()) as object) };
  };
  expect(await ready()).toMatchObject({ code: 503, status: 'unavailable', memory: 'short' });
  // The first one may have been admitted while memory was not short yet, and was refused when it was to be executed.
  expect((await query()).status).toBe(503);
  const metrics = (await ask(`${address}/metrics`)).body.toString();
  expect(metrics).toMatch(/^concierge_http_requests_refused_total\{limit="memory"\} [1-9]/m);
  gateway.kill('SIGUSR2');
  await until('requests to be handled again', query, ({ status }) => status === 200);
  expect(await ready()).toEqual({ code: 200, status: 'ok', dependencies: { database: 'up', redis: 'not used' } });
  expect(gateway.stdout().match(/Memory is short|There is enough memory again/g)).toEqual([
    'Memory is short',
    'There is enough memory again',
  ]);
});
