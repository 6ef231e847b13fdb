import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const project = join(import.meta.dirname, '../..');

interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A rule returns what is wrong with a file, or undefined. It must object to each of the `planted` files. */
interface Rule {
  readonly says: string;
  readonly files: string;
  readonly fault: (file: SourceFile) => string | undefined;
  readonly planted: readonly SourceFile[];
}

/** The only places where tests wait and measure time. */
const CLOCKS = new Set([
  'test/support/patience.ts',
  'test/support/soak.ts',
  // They measure how long well-behaved clients wait, and what a turn of the event loop is.
  'test/hostile/good-clients.ts',
  'test/cache/turns.test.ts',
  'test/cache/own-lateness.test.ts',
  // It sets both clocks.
  'test/cache/near-clock.test.ts',
  // This file lists them all.
  'test/architecture/house-rules.test.ts',
]);

/**
 * Tests that let time pass with `pause`: for a fault that lasts, or during which something forbidden would happen. None of them
 * uses it to wait for something.
 */
const PAUSES = new Set([
  'test/bench/bench.test.ts',
  'test/cache/channels.test.ts',
  'test/cache/churn.test.ts',
  'test/cache/partition-clients.ts',
  'test/cache/partition-faults.ts',
  'test/cache/partition-run.ts',
  'test/chaos/chaos.ts',
  'test/chaos/client.ts',
  'test/chaos/faults.ts',
  'test/cli/seed-interrupted.test.ts',
  'test/cli/start.test.ts',
  'test/embedded/lifetime.test.ts',
  'test/faults/database.test.ts',
  'test/faults/given-up.test.ts',
  'test/hostile/attacks.ts',
  'test/hostile/connections.test.ts',
  'test/hostile/good-clients.ts',
  'test/hostile/storm.test.ts',
  'test/mutations/writing-gateway.ts',
  'test/subscriptions/clients.test.ts',
  'test/subscriptions/event-reader.ts',
  'test/tls/redis-nodes.test.ts',
]);

/** Matches only code, since comments may mention what code must not contain. */
const matching = (pattern: RegExp) => (file: SourceFile) =>
  pattern.exec(file.text.replaceAll(/^\s*(\/\/|\/?\*).*$/gm, ''))?.[0];

/** Ways to let time pass, to read a clock, and to set a time limit. */
const TIME = new RegExp(
  [
    String.raw`timers/promises|\bset(Timeout|Interval)\b(?!:)|Atomics\.wait|waitForTimeout|\bSLEEP\(`,
    String.raw`performance\b\W*now\b|\bhrtime\b|AbortSignal\.timeout|\btimeout: *[1-9]`,
  ].join('|'),
);

// Put together here so that the rules do not find violations in this file.
const ONLY = ['test', 'only'].join('.');
const SKIP = ['describe', 'skip'].join('.');
const TIMERS = ['timers', 'promises'].join('/');
const TIMER = ['set', 'Timeout'].join('');
const CLOCK = ['performance', 'now'].join('.');
const TIMEOUT = ['AbortSignal', 'timeout'].join('.');
const PATIENCE = ['patience', 'ts'].join('.');
const SLOWLY = ['timeout', '5_000'].join(': ');

const RULES: readonly Rule[] = [
  {
    says: 'no file is longer than 400 lines',
    files: '{src,test,bench}/**/*.ts',
    fault: ({ text }) => (text.split('\n').length > 401 ? `${text.split('\n').length - 1} lines` : undefined),
    planted: [{ path: 'src/long.ts', text: '\n'.repeat(401) }],
  },
  {
    says: 'only src/main.ts reads the environment and ends the process',
    files: 'src/**/*.ts',
    fault: (file) => (file.path === 'src/main.ts' ? undefined : matching(/process\.(env|exit|on)\b/)(file)),
    planted: [
      { path: 'src/db/database.ts', text: "const url = process.env['DATABASE_URL'];" },
      { path: 'src/cli/start.ts', text: 'process.exit(1);' },
    ],
  },
  {
    says: 'only src/cache talks to Redis',
    files: 'src/**/*.ts',
    fault: (file) => (file.path.startsWith('src/cache/') ? undefined : matching(/from 'ioredis'/)(file)),
    planted: [{ path: 'src/http/front.ts', text: "import { Redis } from 'ioredis';" }],
  },
  {
    says: 'Redis is never asked for all its keys, not even step by step',
    files: 'src/cache/**/*.ts',
    fault: matching(/(redis|client|cluster|connection|pipeline|\))\.(keys|scan(Stream)?)\(|['"`](KEYS|SCAN)['"`]/i),
    planted: [
      { path: 'src/cache/redis.ts', text: "await redis.keys('concierge:*')" },
      { path: 'src/cache/redis.ts', text: 'redis.scanStream()' },
      { path: 'src/cache/redis.ts', text: "redis.call('SCAN', 0)" },
      { path: 'src/cache/script.ts', text: "redis.call('keys', '*')" },
    ],
  },
  {
    says: 'a file is named for what is in it',
    files: '{src,test,bench}/**/*.ts',
    fault: ({ path }) => /\b(utils?|helpers?|common|misc)\b/.exec(path)?.[0],
    planted: [
      { path: 'src/utils/text.ts', text: '' },
      { path: 'src/http/helpers.ts', text: '' },
    ],
  },
  {
    says: 'files have kebab-case names',
    files: '{src,test,bench}/**/*.ts',
    fault: ({ path }) =>
      /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.ts$/.test(basename(path)) ? undefined : basename(path),
    planted: [{ path: 'src/http/healthRoute.ts', text: '' }],
  },
  {
    says: 'exports have names',
    files: 'src/**/*.ts',
    fault: matching(/^export default\b/m),
    planted: [{ path: 'src/app.ts', text: 'export default createApp;' }],
  },
  {
    says: 'no test is switched off or runs alone',
    files: 'test/**/*.test.ts',
    fault: matching(
      /\b(describe|it|test)\b[^;'"`\n]*\.(only|skip|todo|failing)\b|\bx(it|describe|test)\(|\bf(it|describe)\(/,
    ),
    planted: [
      { path: 'test/a.test.ts', text: `${ONLY}('a rule', () => {});` },
      { path: 'test/a.test.ts', text: `${SKIP}('rules', () => {});` },
      { path: 'test/a.test.ts', text: `describe.each([1])${SKIP.slice(8)}('rules', () => {});` },
    ],
  },
  {
    says: 'tests wait for what they wait for, and time nothing: test/support/patience.ts alone has a clock',
    files: 'test/**/*.ts',
    fault: (file) => (CLOCKS.has(file.path) ? undefined : matching(TIME)(file)),
    planted: [
      { path: 'test/a.test.ts', text: `import { setTimeout as sleep } from 'node:${TIMERS}';` },
      { path: 'test/a.test.ts', text: `await new Promise((resolve) => ${TIMER}(resolve, 50));` },
      { path: 'test/a.test.ts', text: `const start = ${CLOCK}();` },
      { path: 'test/support/servers.ts', text: `fetch(url, { signal: ${TIMEOUT}(5_000) })` },
      { path: 'test/a.test.ts', text: `const sleep = promisify(${TIMER});` },
      { path: 'test/a.test.ts', text: `await page.locator('p').click({ ${SLOWLY} });` },
    ],
  },
  {
    says: 'only a test that is about a time that passes lets it pass',
    files: 'test/**/*.ts',
    fault: (file) =>
      PAUSES.has(file.path) ? undefined : matching(/\bpause\b[^}]*\} from '[^']*\/patience\.ts'/)(file),
    planted: [
      { path: 'test/a.test.ts', text: `import { pause } from './support/${PATIENCE}';` },
      { path: 'test/a/b.test.ts', text: `import {\n  pause as sleep,\n  until,\n} from '../support/${PATIENCE}';` },
    ],
  },
  {
    says: 'no test or hook sets its own time-out',
    files: 'test/**/*.test.ts',
    fault: matching(
      /^\s*\},?\s+([\d_]{3,}|\d+ \* [\d_]+|\w+_MS),?\s*\);|^\s*((before|after)(All|Each)|test|it)\(.*, [\d_]{3,}\);|jest\.(setTime|retryTimes)/m,
    ),
    planted: [
      { path: 'test/a.test.ts', text: "test('a rule', async () => {\n  await it;\n}, 60_000);" },
      { path: 'test/a.test.ts', text: "test('a rule', async () => {\n  await it;\n}, 60 * 1_000);" },
      { path: 'test/a.test.ts', text: "  test('a rule', () => it(), 5_000);" },
      { path: 'test/a.test.ts', text: "  test(\n    'a rule',\n    async () => {\n    },\n    SOON_MS,\n  );" },
      { path: 'test/a.test.ts', text: 'afterAll(() => gateway.close(), 10_000);' },
    ],
  },
];

async function filesOf(pattern: string): Promise<SourceFile[]> {
  const paths = await Array.fromAsync(glob(pattern, { cwd: project }));
  return paths
    .filter((path) => !path.startsWith('src/generated/'))
    .map((path) => ({ path, text: readFileSync(join(project, path), 'utf8') }));
}

describe.each(RULES)('$says', ({ files, fault, planted }) => {
  test('in every file', async () => {
    const all = await filesOf(files);
    expect(all.length).toBeGreaterThan(0);
    const faults = all.map((file) => ({ path: file.path, fault: fault(file) }));
    expect(faults.filter((found) => found.fault !== undefined)).toEqual([]);
  });

  test.each(planted)('and the check finds the violation in a planted $path', (file) => {
    expect(fault(file)).toBeDefined();
  });
});
