import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { thisCheckout } from '../../bench/checkout.ts';

/** Runs a script with these options from another folder, to its end. */
export const runScript = (path: string, args: readonly string[]) =>
  new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(
      process.execPath,
      [join(thisCheckout.folder, path), ...args],
      { cwd: '/', env: {} },
      (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });

export const bench = (args: readonly string[]) => runScript('bench/run.ts', args);
