import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import type { CaseName } from '../../bench/cases.ts';
import { SERVER_LABELS, type ServerName } from '../../bench/targets.ts';
import { gatesOf, verdictOf, type Results } from '../../bench/results.ts';
import { runRound, type Round } from '../../bench/round.ts';
import { validRound } from '../../bench/valid-round.ts';
import { pause } from '../support/patience.ts';
import { bench } from './run-bench.ts';

const UNCACHED = {
  server: 'uncached',
  caseName: 'N10',
  path: '/graphql',
  varied: true,
  statements: 2,
  cacheResult: 'MISS',
} as const;

const round = (statements: number, MISS = 1): Round => ({
  requestsPerSecond: 100,
  p50Ms: 1,
  p99Ms: 2,
  cpuMs: 1,
  statements,
  cacheResults: { MISS },
});

/** Returns these rounds one after the other, and records what is reported. */
function playing(rounds: readonly Round[]) {
  const left = [...rounds];
  const lines: string[] = [];
  const run = (): Promise<Round> => Promise.resolve(left.shift() ?? round(Number.NaN));
  return { run, lines, left, report: (line: string) => void lines.push(line) };
}

describe('a round of the bench', () => {
  test('is run again if it did not measure what it was meant to measure', async () => {
    const { run, report, lines, left } = playing([round(1.5), round(2, 0.9), round(1.95), round(2)]);
    expect(await validRound(UNCACHED, run, { tries: 5, isStrict: true, report })).toEqual(round(1.95));
    expect(lines).toEqual([
      'Retrying: uncached N10: expected 2 statements per request and MISS, got 1.500 statements per request, {"MISS":1}',
      'Retrying: uncached N10: expected 2 statements per request and MISS, got 2.000 statements per request, {"MISS":0.9}',
    ]);
    expect(left).toHaveLength(1);
  });

  test('that never becomes valid ends a full run with one line and exit code 75', async () => {
    const { run, report, lines } = playing([round(3), round(3), round(3)]);
    await expect(validRound(UNCACHED, run, { tries: 3, isStrict: true, report })).rejects.toMatchObject({
      name: 'CliError',
      exitCode: 75,
      message: expect.stringMatching(/^uncached N10: expected 2 .*, got 3\.000 .*, 3 times\. The machine .* later\.$/),
    });
    expect(lines).toHaveLength(2);
  });

  test('that never becomes valid is accepted by a quick run, which says so', async () => {
    const { run, report, lines } = playing([round(3), round(0.7)]);
    expect(await validRound(UNCACHED, run, { tries: 2, isStrict: false, report })).toEqual(round(0.7));
    expect(lines.at(-1)).toMatch(/^Accepted anyway: uncached N10: expected 2 .*, got 0\.700 /);
  });
});

test('a round without a response is run again with twice the time, until there is one', async () => {
  const server = createServer((_, response) => void pause(150).then(() => response.end('{}')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const child = { url: `http://127.0.0.1:${port}`, cpuMs: () => Promise.resolve(0), stop: () => Promise.resolve() };
  const options = { child, path: '/L', caseName: 'L', varied: true, connections: 2 } as const;
  const found = await runRound({ ...options, seconds: 0.05, countStatements: () => Promise.resolve(0) });
  server.closeAllConnections();
  server.close();
  expect(found.p50Ms).toBeGreaterThanOrEqual(149);
});

describe('the verdict of the bench', () => {
  /** All lines, with their requests per second. */
  const resultsOf = (perSecond: (server: ServerName, caseName: CaseName) => number): Results =>
    new Map(
      (['L', 'LI', 'N10', 'N200'] as const).flatMap((caseName) =>
        (Object.keys(SERVER_LABELS) as ServerName[]).map((server) => [
          {
            ...UNCACHED,
            server,
            caseName,
            child: { url: '', cpuMs: () => Promise.resolve(0), stop: () => Promise.resolve() },
          },
          [{ ...round(1), requestsPerSecond: perSecond(server, caseName) }],
        ]),
      ),
    );
  const gates = (l: number) =>
    gatesOf(
      resultsOf((server, caseName) =>
        server === 'cached' || server === 'signedIn' ? 1_000 : server === 'uncached' && caseName === 'L' ? l : 100,
      ),
    );

  test('passes at the minimum, and fails below it', () => {
    const ofHitsAndMisses = [
      [10, 0.7],
      [1, 0.5],
      [1, 0.9],
      [1, 0.8],
      [1, 0.5],
      [1, 0.91],
    ];
    expect(gates(80).map(({ ratio, minimum }) => [ratio, minimum])).toEqual([
      ...ofHitsAndMisses,
      ...ofHitsAndMisses,
      [0.8, 0.8],
      [1, 0.5],
      [1, 0.9],
      [12.5, 5],
      [10, 5],
    ]);
    expect(verdictOf(gates(80))).toEqual({ lines: ['Every ratio reaches its minimum.'], exitCode: 0 });
    const { lines, exitCode } = verdictOf(gates(79));
    expect([exitCode, lines.length]).toEqual([1, 1]);
    expect(lines[0]).toMatch(
      /^L: gateway, cache miss ÷ plain .* driver adapter: expected a ratio of at least 0\.8, got 0\.79$/,
    );
  });

  test('compares times the other way round', () => {
    const results = resultsOf(() => 100);
    for (const [{ server, caseName }, rounds] of results)
      if (caseName === 'L' && server === 'uncached') Object.assign(rounds[0] as Round, { cpuMs: 2 });
      else if (caseName === 'L' && server === 'constant') Object.assign(rounds[0] as Round, { p99Ms: 1 });
    expect(gatesOf(results).map(({ ratio }) => ratio)).toEqual([
      1,
      0.5,
      1,
      1,
      1,
      0.5,
      ...Array.from({ length: 11 }, () => 1),
    ]);
  });

  test('fails for a ratio that is not a number', () => {
    const { lines, exitCode } = verdictOf(gates(Number.NaN));
    expect([exitCode, lines.map((line) => line.slice(line.lastIndexOf('at least')))]).toEqual([
      1,
      ['at least 0.8, got NaN', 'at least 5, got NaN'],
    ]);
  });
});

test.each([
  [['--rounds', 'x'], '--rounds: expected a number above 0, got "x"'],
  [['--nope'], "Unknown option '--nope'; see --help"],
  [
    ['--only', 'L,Z'],
    '--only: expected some of L, LI, N10, N200, constant, redisGet, cached, parsedHit, signedIn, redisHit, client, adapter, ownPool, uncached, cacheOff, got "Z"',
  ],
  [
    ['--only', 'N200,cached'],
    '--only: expected some of L, LI, N10, N200, constant, redisGet, cached, parsedHit, signedIn, redisHit, client, adapter, ownPool, uncached, cacheOff that have a line together, got "N200,cached"',
  ],
  [['--quick', '--write'], 'Expected --write without --quick, got both; see --help'],
])('wrong options of the bench (%j) are reported in one line, with exit code 64', async (args, line) => {
  expect(await bench(args)).toEqual({ code: 64, stdout: '', stderr: `${line}\n` });
});
