import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { responseNote } from '../../bench/beside-responses.ts';
import { changesOf, changesTable, changesVerdict } from '../../bench/beside-results.ts';
import { thisCheckout } from '../../bench/checkout.ts';
import type { Side, Target } from '../../bench/targets.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { bench } from './run-bench.ts';

const project = thisCheckout.folder;

const ROUND = { p50Ms: 1, p99Ms: 2, cpuMs: 1, statements: 2, cacheResults: { MISS: 1 } };

const targetOf = (side: Side): Target => ({
  side,
  server: 'uncached',
  caseName: 'N10',
  path: '/graphql',
  varied: true,
  statements: 2,
  child: { url: '', cpuMs: () => Promise.resolve(0), stop: () => Promise.resolve() },
});

/** The line that refuses a folder. */
const besideRefused = (folder: string, reason: string): string =>
  `--beside: expected the folder of another checkout of this repository, after \`npm ci\`, got "${folder}", ${reason}`;

test.each([
  [['--beside', project, '--write'], 'Expected --write without --beside, got both; see --help'],
  [
    ['--beside', project, '--only', 'adapter'],
    '--only: expected some of L, LI, N10, N200, cached, uncached, cacheOff, got "adapter"',
  ],
  [['--beside', ''], besideRefused('', 'which is not a folder')],
  [['--beside', '/nowhere'], besideRefused('/nowhere', 'which is not a folder')],
  [['--beside', '/'], besideRefused('/', 'which has no package.json')],
])(
  'options of the bench with --beside that are wrong, %j, are reported in one line, with exit code 64',
  async (args, line) => {
    expect(await bench(args)).toEqual({ code: 64, stdout: '', stderr: `${line}\n` });
  },
);

describe('the bench beside another checkout', () => {
  /** The verdict on one line, which had 100 requests per second before. */
  const changesTo = (perSecond: readonly number[]) => {
    const rounds = (all: readonly number[]) => all.map((requestsPerSecond) => ({ ...ROUND, requestsPerSecond }));
    const [before, after] = [targetOf('before'), targetOf('after')];
    const results = new Map([
      [before, rounds(perSecond.map(() => 100))],
      [after, rounds(perSecond)],
    ]);
    return changesOf(results, [{ before, after }]);
  };
  const TITLE = 'N10: gateway, cache miss';

  test('fails for a line whose whole confidence interval is below 0.97', () => {
    // Of nine values, the second and the second to last.
    const changes = changesTo([97.5, 96.9, 96, 96, 95, 95, 95, 94, 90]);
    expect(changesTable(changes).split('\n').at(-1)).toBe(`| ${TITLE} | 100 | 95 | 0.950 | 0.940 to 0.969 |`);
    const line = `${TITLE}: expected at least 0.97 of the requests per second before, got 0.950 (95 % interval: 0.940 to 0.969)`;
    expect(changesVerdict(changes)).toEqual({ lines: [line], exitCode: 1 });
  });

  test.each([
    [[97.5, 97, 96, 96, 95, 95, 95, 94, 90], '0.940 to 0.970'],
    [[50, 50, 50, 50, 50], 'unknown'],
  ])('does not fail for a line that may be below it by chance, and says so, %j', (perSecond, range) => {
    const { lines, exitCode } = changesVerdict(changesTo(perSecond));
    expect([exitCode, lines.length]).toEqual([0, 1]);
    expect(lines[0]).toContain(`, which may be chance (95 % interval: ${range}); more rounds tell`);
  });

  test('passes at 0.97, and fails without a number', () => {
    const passed = 'Every line keeps at least 0.97 of its requests per second.';
    expect(changesVerdict(changesTo([97, 97, 97, 97, 97, 97]))).toEqual({ lines: [passed], exitCode: 0 });
    expect(changesVerdict(changesTo([])).exitCode).toBe(1);
  });

  test('says that it cannot fail with fewer than six rounds', () => {
    expect(changesVerdict(changesTo([97, 97, 97, 97, 97]))).toEqual({
      lines: ['Every line keeps at least 0.97 of its requests per second, as far as fewer than six rounds can tell.'],
      exitCode: 0,
    });
  });

  test('wants the same data, and says what else differs', () => {
    const sent = (id: string, name: unknown) => JSON.stringify({ data: { nodes: [{ id, name }] } });
    expect(responseNote('L', sent('a', 'x'), sent('a', 'x'))).toEqual([]);
    expect(responseNote('L', sent('a', 'x'), sent('bc', 'x'))).toEqual([
      'Responses to L: values differ that clients must not look into, such as data.nodes.0.id; 42 bytes before, 43 after.',
    ]);
    expect(() => responseNote('L', sent('a', 'x'), sent('b', 'y'))).toThrow(
      'L: expected the same data from both checkouts, but data.nodes.0.name differs',
    );
  });

  test('measures each line of the gateway in both, and nothing else', async () => {
    const { code, stdout, stderr } = await bench(['--quick', '--seconds', '0.05', '--beside', project]);
    expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
    const lines = stdout.matchAll(/^\| (\w+: .*?) \| [\d,]+ \| [\d,]+ \| \d+\.\d{3} \| unknown \|$/gm);
    expect([...lines].map(([, title]) => title)).toEqual([
      'L: gateway, cache hit',
      'L: gateway, cache miss',
      'L: gateway, cache disabled',
      'LI: gateway, cache miss',
      'LI: gateway, cache disabled',
      'N10: gateway, cache hit',
      'N10: gateway, cache miss',
      'N10: gateway, cache disabled',
      'N200: gateway, cache miss',
      'N200: gateway, cache disabled',
    ]);
    expect(stdout.match(/^\|/gm)).toHaveLength(12);
  });

  test('runs the code of the other checkout, and fails if it sends other data', async () => {
    const { path, remove } = await createTemporaryFolder();
    try {
      const besidePath = () => bench(['--quick', '--only', 'L,cacheOff', '--beside', path]);
      await writeFile(join(path, 'package.json'), '{ "type": "module" }');
      const refused = (reason: string) => ({ code: 64, stdout: '', stderr: `${besideRefused(path, reason)}\n` });
      expect(await besidePath()).toEqual(refused('which has no bench/servers/gateway.ts'));
      await mkdir(join(path, 'bench/servers'), { recursive: true });
      await writeFile(join(path, 'bench/servers/gateway.ts'), OTHER_GATEWAY);
      expect(await besidePath()).toEqual(refused('which has no node_modules'));
      await symlink(join(project, 'node_modules'), join(path, 'node_modules'));
      const { code, stderr } = await besidePath();
      expect([code, stderr.trim().split('\n').at(-1)]).toEqual([
        1,
        'L: expected the same data from both checkouts, but data.customers differs',
      ]);
    } finally {
      await remove();
    }
  });
});

/** Sends no data, and ends with the bench. */
const OTHER_GATEWAY = `import { createServer } from 'node:http';
if (process.cwd() !== new URL('../..', import.meta.url).pathname.slice(0, -1)) throw new Error(process.cwd());
process.on('disconnect', () => process.exit());
const server = createServer((request, response) => response.end('{"data":{}}'));
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
`;
