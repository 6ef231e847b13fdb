import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isAboutStall } from '../support/gateway.ts';
import { orGiveUp, until } from '../support/patience.ts';
import { personalDataIn } from '../support/personal-data.ts';
import { keepWritten } from '../support/written.ts';
import { OWN_ENVIRONMENT } from './command.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** How a process ended. `signal` is set if it did not handle that signal. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npm start` in its own process. */
export interface GatewayProcess {
  readonly pid: number;
  /** What it has printed so far, but for lines about stalls. */
  readonly stdout: () => string;
  /** Resolves with the address that it prints once it serves; rejects with its output when it ends instead. */
  readonly address: Promise<string>;
  readonly ended: Promise<ProcessEnd>;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Closes the reading end of its output. */
  readonly stopReading: () => void;
}

/**
 * @param settings the whole environment except OWN_ENVIRONMENT; by default, the process stops without draining
 * @param options.program the main.ts to run, if not this project's
 * @param options.openFiles the limit of open files, if not this process's
 * @param options.nodeFlags flags for Node, also those that NODE_OPTIONS may not hold
 */
export function startProcess(
  settings: Readonly<Record<string, string>>,
  {
    program = main,
    openFiles,
    nodeFlags = [],
  }: { readonly program?: string; readonly openFiles?: number; readonly nodeFlags?: readonly string[] } = {},
): GatewayProcess {
  const limit = openFiles === undefined ? '' : `ulimit -n ${openFiles}; `;
  const child = spawn('sh', ['-c', `${limit}exec "$0" "$@"`, process.execPath, ...nodeFlags, program, 'start'], {
    env: { ...OWN_ENVIRONMENT, PORT: '0', SHUTDOWN_DRAIN_MS: '0', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Not in a developer's folder with an .env file.
    cwd: '/',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  for (const stream of [child.stdout, child.stderr]) stream.on('data', keepWritten());
  // A busy machine can cause stalls at any time.
  const shown = (): string =>
    stdout
      .split('\n')
      .filter((line) => !isAboutStall(line))
      .join('\n');
  const closed = new Promise<ProcessEnd>((resolve, reject) => {
    child.once('close', (code, signal) => {
      const lines = [stdout, stderr].flatMap((text) => text.split('\n'));
      const leaks = lines.filter((line) => personalDataIn(line) !== undefined);
      if (leaks.length === 0) resolve({ code, signal, stdout: shown(), stderr });
      else reject(new Error(`expected no personal data in what a gateway prints, got ${leaks.join('\n')}`));
    });
  });
  // Not every test waits for the end. What it has printed is searched again at the end of the run.
  closed.catch(() => undefined);
  const address = async (): Promise<string> => {
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
    const printed = () =>
      (/^ {2}(http:\S+)\/graphql .*[^]*^Stop with Ctrl-C\.$/m.exec(stdout) ??
        // In production.
        /^\{.*"url":"(http:[^"]+)".*"msg":"serving"\}$/m.exec(stdout))?.[1];
    await until(
      'the gateway to print its address',
      () => ({ stdout, stderr }),
      () => hasEnded() || printed() !== undefined,
    );
    const found = printed();
    if (found !== undefined) return found;
    const { code, ...end } = await closed;
    throw new Error(`ended with ${code}: ${end.stderr}`);
  };
  const found = address();
  // Tests that only wait for its end ignore the address.
  found.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    stdout: shown,
    address: found,
    get ended() {
      return orGiveUp('the gateway to end', closed, () => ({ stdout, stderr }));
    },
    kill: (signal) => void child.kill(signal),
    stopReading: () => void child.stdout.destroy(),
  };
}
