import { appendFileSync, existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect } from '@jest/globals';
import { logNameOf } from './server-logs.ts';

/** The path of the test file that runs. */
export const ownTest = (): string => relative(process.cwd(), expect.getState().testPath ?? 'unknown');

/**
 * Keeps what one program of a test prints until the end of the run, when all of it is searched for personal data (leaks.ts): also if no
 * test has waited for the program's end.
 * @returns the function that gets what it has printed, which may be parts of lines
 */
export function keepWritten(): (text: string) => void {
  const folder = process.env['TEST_WRITTEN_DIR'];
  if (folder === undefined) return () => undefined;
  const file = join(folder, logNameOf(ownTest(), 'output.log'));
  return (text) => {
    // The folder is gone when a program has outlived all tests.
    if (existsSync(folder)) appendFileSync(file, text);
  };
}
