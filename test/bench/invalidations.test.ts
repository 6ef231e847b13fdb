import { expect, test } from '@jest/globals';
import { runScript } from './run-bench.ts';

test('a write costs the cache the same commands and bytes, however many responses it invalidates', async () => {
  const args = ['--responses', '100,1000', '--writes', '50', '--growth', '1000'];
  const { code, stdout, stderr } = await runScript('bench/invalidations.ts', args);
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  const lines = [...stdout.matchAll(/^\| ([\d,]+) \| ([\d.]+) \| (\d+) \| \d+ \| \d+ \|$/gm)];
  expect(lines.map(([, responses]) => responses)).toEqual(['100', '1,000']);
  // Besides the check of Redis that is sent every 200 ms, whatever is written.
  for (const [, , commands, bytes] of lines) {
    expect(Number(commands)).toBeGreaterThanOrEqual(2);
    expect(Number(commands)).toBeLessThan(4);
    expect(Number(bytes)).toBeLessThan(500);
  }
});

test('writes that take longer with more responses are a failure', async () => {
  const args = ['--responses', '10,20', '--writes', '50', '--growth', '0.0001'];
  const { code, stderr } = await runScript('bench/invalidations.ts', args);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^medianUs per write: expected at most 0\.0001 times /m)]);
});
