import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { orGiveUp } from '../support/patience.ts';
import { SOAKS } from '../support/soak.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

const program = join(import.meta.dirname, 'run.ts');
const names = Object.keys(SOAKS).join(', ');

// Replaces jest: prints what it was asked for, and fails.
const STAND_IN = `const { SOAK_MINUTES, SOAK_SEED } = process.env;
console.log(JSON.stringify({ file: process.argv.at(-1), SOAK_MINUTES, SOAK_SEED }));
if (SOAK_SEED === '8') process.kill(process.pid, 'SIGKILL');
process.exit(SOAK_SEED === '9' ? 0 : 1);`;

describe('npm run soak', () => {
  let temporary: Awaited<ReturnType<typeof createTemporaryFolder>>;
  beforeAll(async () => {
    temporary = await createTemporaryFolder();
    const bin = join(temporary.path, 'node_modules/jest/bin');
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, 'jest.js'), STAND_IN);
  });
  afterAll(() => temporary.remove());

  const soak = (...args: readonly string[]) => {
    const ended = new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [program, ...args], { cwd: temporary.path }, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
    });
    return orGiveUp(`npm run soak -- ${args.join(' ')} to end`, ended);
  };

  test.each([
    ['no name', [], `expected one of ${names}, got ""`],
    ['an unknown name', ['toString'], `expected one of ${names}, got "toString"`],
    ['two names', ['cache', 'chaos'], `expected one of ${names}, got "cache chaos"`],
    ['no duration', ['cache', '--minutes', '0'], '--minutes: expected a number above 0, got "0"'],
    ['a duration in words', ['cache', '--minutes', 'ten'], '--minutes: expected a number above 0, got "ten"'],
    [
      'a duration without end',
      ['cache', '--minutes', 'Infinity'],
      '--minutes: expected a number above 0, got "Infinity"',
    ],
    ['a seed in words', ['cache', '--seed', 'x'], '--seed: expected a whole number, got "x"'],
    ['half a seed', ['cache', '--seed', '0.5'], '--seed: expected a whole number, got "0.5"'],
    ['an unknown option', ['cache', '--hours', '1'], "Unknown option '--hours'"],
  ])('refuses %s, with exit code 64', async (_, args, message) => {
    const { code, stdout, stderr } = await soak(...args);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr.startsWith(message)).toBe(true);
    expect(stderr).toContain('npm run soak -- NAME [options]');
  });

  test.each([
    ['0 when nothing was found', '9', 0],
    ['1 when something was', '7', 1],
    ['1 when the run was killed', '8', 1],
  ])('runs the file of its name alone, says how to do the same again, and ends with %s', async (_, seed, expected) => {
    const { code, stdout } = await soak('cache', '--minutes', '0.5', '--seed', seed);
    const [again, asked] = stdout.split('\n');
    expect(code).toBe(expected);
    expect(again).toBe(`npm run soak -- cache --minutes 0.5 --seed ${seed}`);
    expect(JSON.parse(asked ?? '')).toEqual({ file: SOAKS.cache, SOAK_MINUTES: '0.5', SOAK_SEED: seed });
  });
});
