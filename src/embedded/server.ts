import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../cli-error.ts';
import type { Child } from './children.ts';
import type { ServerProgram } from './find.ts';
import { freePort } from './ports.ts';

export interface ServerOptions {
  readonly program: ServerProgram;
  /** Holds the server's data, log and pid file. The caller must hold its lock. */
  readonly dataDir: string;
  /** Undefined for any free one. */
  readonly port?: number;
  readonly signal: AbortSignal | undefined;
  /** Additional arguments for the server. */
  readonly args?: readonly string[];
}

export interface RunningServer {
  readonly child: Child;
  readonly port: number;
  readonly url: string;
  readonly logFile: string;
}

/** Allows for crash recovery of a large demo database. */
const startTimeoutMs = 60_000;

/**
 * Starts a server on the given port, or on a free one, and retries if another process took that first.
 * @param start must throw once the child has ended
 */
export async function startOnPort(
  options: Pick<ServerOptions, 'port'>,
  start: (port: number) => Promise<RunningServer>,
): Promise<RunningServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(options.port ?? (await freePort()));
    } catch (error) {
      if (options.port !== undefined || !isPortTaken(error) || attempt === 3) throw error;
    }
  }
}

/** Whether a server failed to start because another process has its port. */
export const isPortTaken = (error: unknown): boolean =>
  error instanceof CliError && /address already in use/i.test(error.message);

export interface Waiting {
  readonly child: Child;
  readonly name: string;
  readonly logFile: string;
  /** Rejects until the server answers. */
  readonly ask: () => Promise<void>;
  readonly signal: AbortSignal | undefined;
}

/** Polls until the server answers. If the server ends, takes over a minute, or is aborted, stops the child before throwing. */
export async function waitForAnswer({ child, name, logFile, ask, signal }: Waiting): Promise<void> {
  const end = performance.now() + startTimeoutMs;
  for (;;) {
    const refusal = await ask().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refusal === undefined) return child.answers();
    const isLate = performance.now() > end;
    if (child.isRunning() && !isLate && !signal?.aborted) {
      await sleep(25);
      continue;
    }
    const ended = child.isRunning() ? `did not answer within ${startTimeoutMs / 1000} s` : await child.exited;
    // With no grace period: MariaDB that is still starting loses a SIGTERM and then hangs.
    await child.stop(0);
    signal?.throwIfAborted();
    const output = (await child.lastOutput()).trim().split('\n').slice(-12).join('\n');
    throw new CliError(`${name} ${ended}. Its log is ${logFile} and ends with:\n${output}`, { cause: refusal });
  }
}
