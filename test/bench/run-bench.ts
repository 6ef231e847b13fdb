import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { thisCheckout } from '../../bench/checkout.ts';

/** Runs the bench with these options from another folder, to its end. */
export const bench = (args: readonly string[]) =>
  new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    const script = join(thisCheckout.folder, 'bench/run.ts');
    execFile(process.execPath, [script, ...args], { cwd: '/', env: {} }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
