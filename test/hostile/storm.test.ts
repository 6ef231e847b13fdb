import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { startProcess, type GatewayProcess } from '../cli/gateway-process.ts';
import { pause, until } from '../support/patience.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';
import { createSoak } from '../support/soak.ts';
import { ATTACKS } from './attacks.ts';
import { createGoodClients, type GoodClients } from './good-clients.ts';

const HEAP_MEGABYTES = 256;
/** The heap, and what is outside of it: code, buffers of 64 MiB for requests and responses each, the page. */
const MOST_MEGABYTES = 640;
const GOOD_CLIENTS = 20;
const ATTACKERS = 50;
const { seed, again, goesOn, report, isSoak } = createSoak('hostile');

let database: TestDatabase;
let gateway: GatewayProcess;
let good: GoodClients;
let attackers: ChildProcess | undefined;

beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 1_000, ordersPerCustomer: 20, seed: 1 });
  gateway = startProcess({
    DATABASE_URL: database.url,
    REDIS_URL: redisUrl(),
    CACHE_PREFIX: `storm-${process.pid}:`,
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MEGABYTES}`,
  });
  good = await createGoodClients(await gateway.address, GOOD_CLIENTS);
});
afterAll(async () => {
  await good.stop();
  attackers?.kill('SIGKILL');
  gateway.kill('SIGKILL');
  await gateway.ended;
  await database.drop();
});

const megabytes = (name: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) /
  1_024;

/** How long the gateway's main thread has run, and how long it could have run but had no processor, in ns (Linux). */
const scheduled = (): readonly number[] =>
  readFileSync(`/proc/${gateway.pid}/task/${gateway.pid}/schedstat`, 'utf8').split(' ').map(Number);

test('attacks of all kinds at once fail no request of well-behaved clients, and do not fill the memory', async () => {
  const counts = new Map(Object.keys(ATTACKS).map((name) => [name, 0]));
  const address = new URL(await gateway.address);
  good.start();
  // What they take without attacks; the first ones also warm everything up.
  await until(
    'requests without attacks',
    () => good.answered(),
    (answered) => answered >= (isSoak ? 1_000 : 200),
  );
  good.forget();
  await until(
    'more requests without attacks',
    () => good.answered(),
    (answered) => answered >= (isSoak ? 3_000 : 200),
  );
  const calm = good.figures();
  good.forget();

  const options = {
    port: address.port,
    customer: good.customerIds[0] ?? '',
    seed: String(seed),
    attackers: String(ATTACKERS),
  };
  const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  // What they need themselves must not slow down the others, who would be on other machines.
  attackers = spawn('nice', ['-n', '15', process.execPath, join(import.meta.dirname, 'attackers.ts'), ...given], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  attackers.stdout?.setEncoding('utf8').on('data', (lines: string) => {
    for (const name of lines.trim().split('\n')) counts.set(name, (counts.get(name) ?? 0) + 1);
  });
  const samples: number[] = [];
  const [ranBefore = 0, waitedBefore = 0] = scheduled();
  while (goesOn([...counts.values()].every((count) => count > 0) && good.answered() >= 500)) {
    await pause(200);
    if (!existsSync(`/proc/${gateway.pid}`)) throw new Error(`the gateway has ended: ${inspect(await gateway.ended)}`);
    samples.push(megabytes('VmRSS'));
    if (attackers.exitCode !== null) throw new Error('the attackers have ended');
  }
  const stormy = good.figures();
  const [ran = 0, waited = 0] = scheduled();
  const [running, waiting] = [ran - ranBefore, waited - waitedBefore];

  report(
    `attacks: ${[...counts.values()].reduce((sum, count) => sum + count)}, ${JSON.stringify(Object.fromEntries(counts))}`,
  );
  report(`well-behaved clients, without attacks: ${JSON.stringify(calm)}`);
  report(`well-behaved clients, with attacks: ${JSON.stringify(stormy)}`);
  const [first = 0, second = 0] = [samples.slice(0, samples.length / 2), samples.slice(samples.length / 2)].map(median);
  report(
    `while the gateway's main thread had work, it waited for a processor for ${Math.round((100 * waiting) / (running + waiting))} % of the time`,
  );
  report(`memory in MB: first half ${first}, second half ${second} (medians), most ${megabytes('VmHWM')}`);
  expect({ again, failures: [...calm.failures, ...stormy.failures] }).toEqual({ again, failures: [] });
  expect(megabytes('VmHWM')).toBeLessThan(MOST_MEGABYTES);
  // In the suite, the machine may be busy with anything, and the process is still growing.
  if (isSoak) {
    expect(stormy.p99Ms).toBeLessThanOrEqual(3 * calm.p99Ms);
    expect(second).toBeLessThan(1.2 * first);
  }
});

const median = (values: readonly number[]): number =>
  Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0);
