import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const program = fileURLToPath(new URL('measure-weights.ts', import.meta.url));

interface Weight {
  readonly name: string;
  readonly estimated: number;
  readonly real: number;
}

test('what documents, plans and requests of every kind are estimated to weigh is what the heap grows by', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program]);
  const weights = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Weight);
  expect(weights.length).toBeGreaterThan(20);
  const wrong = weights.filter(({ estimated, real }) => estimated / real < 0.7 || estimated / real > 1.5);
  expect(wrong).toEqual([]);
});
