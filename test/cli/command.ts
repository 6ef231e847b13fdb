import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { orGiveUp } from '../support/patience.ts';
import { keepWritten } from '../support/written.ts';

export const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** The environment of every process, which keeps a developer's settings out. */
export const OWN_ENVIRONMENT = {
  PATH: process.env['PATH'],
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
} as const;

/** How a command ended. */
interface CommandEnd {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command of the CLI until it ends.
 * @param settings the whole environment except OWN_ENVIRONMENT
 * @param program the main.ts to run, if not this project's
 */
export function runCommand(
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
  program: string = main,
): Promise<CommandEnd> {
  const ended = new Promise<CommandEnd>((resolve) => {
    // Not in a developer's folder with an .env file.
    const options = { env: { ...OWN_ENVIRONMENT, ...settings }, cwd: '/' };
    const child = execFile(process.execPath, [program, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
    child.stderr?.on('data', keepWritten());
    // Its result has the variables of examples.
    if (args[0] !== 'explain') child.stdout?.on('data', keepWritten());
  });
  return orGiveUp(`concierge ${args.join(' ')} to end`, ended);
}
