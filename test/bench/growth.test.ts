import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { Figures } from '../../bench/growth/measure.ts';
import { growthTable } from '../../bench/growth/page.ts';
import { growthPlot } from '../../bench/growth/plot.ts';
import { QUESTIONS, type Question } from '../../bench/growth/questions.ts';
import { growthOf } from '../../bench/growth/verdict.ts';
import { project } from '../docs/markdown.ts';
import { runScript } from './run-bench.ts';

const SIZES = [210, 420] as const;

const figures = (customers: number, rows: number, p99Ms: number): Figures => ({
  customers,
  rows,
  mostRows: rows,
  p50Ms: 1,
  p99Ms,
});
const question = (kind: Question['kind']): Question => ({ name: `some ${kind}`, kind, query: '{ __typename }' });

describe('npm run bench:growth', () => {
  afterAll(async () => {
    for (const size of SIZES) await rm(join(project, '.data/growth', String(size)), { recursive: true, force: true });
  });

  test('asks every question at every size, and says what grows', async () => {
    const args = ['--customers', SIZES.join(), '--requests', '3', '--rounds', '1', '--connections', '2'];
    const { code, stdout, stderr } = await runScript('bench/growth.ts', args);
    const lines = stdout.trim().split('\n').slice(2);
    expect(lines.map((line) => line.split(' | ')[0]?.slice(2))).toEqual(QUESTIONS.map(({ name }) => name));
    for (const line of lines) expect(line).toMatch(/^\| .+( \| \d+( to \d+)?){2}( \| \d+\.\d){4} \|$/);
    // Fewer than are counted at most.
    expect(stderr).toMatch(/^how many customers: expected at most \d+ rows read, got \d+$/m);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^\| a customer by id \| 1 \| 1 \|/m);
    expect(stdout).toMatch(/^\| orders of the customer with the most, 50 after the middle \| (\d+) \| \1 \|/m);
  });

  test.each([
    [['--customers', '1000,x'], '--customers: expected whole numbers above 0, from small to large, got "1000,x"'],
    [['--customers', '400,200'], '--customers: expected whole numbers above 0, from small to large, got "400,200"'],
    [['--rounds', '0'], '--rounds: expected a whole number above 0, got "0"'],
    [['--rounds', '3,4'], '--rounds: expected a whole number above 0, got "3,4"'],
    [['--sizes', '1'], "Unknown option '--sizes'"],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await runScript('bench/growth.ts', args);
    expect([code, stderr]).toEqual([64, expect.stringContaining(message)]);
  });
});

test.each<[Question['kind'], Figures, readonly string[]]>([
  ['page', figures(1_000_000, 55, 5.9), []],
  ['page', figures(1_000_000, 70, 4), ['some page: expected at most 60 rows read, got 70']],
  ['page', figures(1_000_000, 50, 6.1), ['some page: expected a 99th percentile of at most 6.0 ms, got 6.1 ms']],
  ['search', figures(1_000_000, 5_000, 49), []],
  ['search', figures(1_000_000, 50, 51), ['some search: expected a 99th percentile of at most 50.0 ms, got 51.0 ms']],
  ['common search', figures(1_000_000, 5_000, 400), []],
])('a %s with %j instead of 50 rows and 4 ms', (kind, large, expected) => {
  expect(growthOf(new Map([[question(kind), [figures(10_000, 50, 4), large]]]))).toEqual(expected);
});

test('the table and the plot have every size, and names as text', () => {
  const results = new Map([
    [{ ...question('page'), name: 'a < b & c' }, [figures(10_000, 50, 4), figures(1_000_000, 51, 5)]],
  ]);
  expect(growthTable(results).split('\n').at(-1)).toBe('| a < b & c | 50 | 51 | 1.0 | 1.0 | 4.0 | 5.0 |');
  const plot = growthPlot(results);
  for (const text of ['a &lt; b &amp; c', '>10,000<', '>1,000,000<', '>5.5 ms<']) expect(plot).toContain(text);
  expect(plot.match(/<polyline points="[\d.]+,[\d.]+ [\d.]+,[\d.]+"/g)).toHaveLength(2);
});
