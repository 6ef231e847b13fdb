import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { open, rm, stat, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../cli-error.ts';

export interface ChildCommand {
  readonly path: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The child's output is appended to it. */
  readonly logFile: string;
  /** Holds the child's process id and start time while it runs, so that the next start can find a leftover process. */
  readonly pidFile: string;
}

export interface Child {
  readonly pid: number;
  /** Resolves when the process has ended, saying how: "exited with code 1". Never rejects. */
  readonly exited: Promise<string>;
  readonly isRunning: () => boolean;
  /** Sends a signal, such as SIGSTOP; does nothing when the process has ended. */
  readonly signal: (name: NodeJS.Signals) => void;
  /** Call it once the server answers: if this process dies after that, the server gets SIGTERM and time to shut down. */
  readonly answers: () => void;
  /** Sends SIGTERM, then SIGKILL after `timeoutMs`; resolves when the process has ended. */
  readonly stop: (timeoutMs: number) => Promise<void>;
  /** What the child has printed so far, at most the last 4 KiB. */
  readonly lastOutput: () => Promise<string>;
}

/** How long a server may take to shut down after its gateway died; the same as in `EmbeddedServers.stop`. */
const GRACE_SECONDS = 20;

// A guard process outlives the shell, which becomes the server by exec. The guard's `read` returns when the pipe closes, that
// is when the parent is gone, however it ended. MariaDB that is still starting loses a SIGTERM and then hangs, so until it has
// answered it is killed, which it can recover from. While the guard is in the server's process group, the server's id is not
// reused.
const guarded = `
( {
  trap '' TERM INT HUP
  if read -r answers <&3; then
    read -r end <&3
    kill -TERM $$
    waited=0
    while kill -0 $$ && [ $waited -lt ${GRACE_SECONDS} ]; do sleep 1; waited=$((waited + 1)); done
  fi
  kill -KILL $$
} 2>/dev/null & )
exec "$@" 3<&-
`;

/**
 * Starts a server as a child that ends with this process, even when this process gets SIGKILL.
 * @returns once the process exists, before it answers
 * @throws Error of spawn, when the program cannot be run
 */
export async function startChild(command: ChildCommand): Promise<Child> {
  const log = await open(command.logFile, 'a');
  try {
    const logStart = (await log.stat()).size;
    // In its own process group, the child does not get the terminal's Ctrl-C: the gateway stops first, then its servers.
    const process = spawn('/bin/sh', ['-c', guarded, 'sh', command.path, ...command.args], {
      detached: true,
      env: command.env,
      stdio: ['ignore', log.fd, log.fd, 'pipe'],
    });
    const guard = process.stdio[3];
    if (!(guard instanceof Socket)) throw new Error('a pipe was asked for');
    // EPIPE means that the child has ended, which `exited` reports.
    guard.on('error', () => guard.destroy());
    process.once('exit', () => guard.destroy());
    const exited = new Promise<string>((resolve) => {
      process.once('error', (error) => resolve(`could not be run (${error.message})`));
      process.once('exit', (code, signal) => resolve(signal ? `was ended by ${signal}` : `exited with code ${code}`));
    });
    const pid = process.pid;
    if (pid === undefined) throw new Error(`/bin/sh ${await exited}`);
    await writeFile(command.pidFile, `${pid} ${await identityOf(pid)}`);
    return childOf({ process, pid, exited, command, logStart, answers: () => void guard.write('answers\n') });
  } finally {
    await log.close();
  }
}

interface StartedProcess extends Pick<Child, 'pid' | 'exited' | 'answers'> {
  readonly process: ChildProcess;
  readonly command: ChildCommand;
  readonly logStart: number;
}

function childOf({ process, pid, exited, answers, command, logStart }: StartedProcess): Child {
  const isRunning = (): boolean => process.exitCode === null && process.signalCode === null;
  const signal = (name: NodeJS.Signals): void => void process.kill(name);
  const stop = async (timeoutMs: number): Promise<void> => {
    signal('SIGTERM');
    // A stopped process (SIGSTOP) handles SIGTERM only after SIGCONT.
    signal('SIGCONT');
    const inTime = await Promise.race([exited.then(() => true), sleep(timeoutMs, false, { ref: false })]);
    if (!inTime) signal('SIGKILL');
    await exited;
    await rm(command.pidFile, { force: true });
  };
  return { pid, exited, isRunning, signal, answers, stop, lastOutput: () => readFrom(command.logFile, logStart) };
}

/** SIGKILL ends a process at once, unless it is waiting for a disk. */
const KILLED_MS = 30_000;

/**
 * Ends a server that an earlier gateway left running: one that is still shutting down, or whose gateway was killed. It gets
 * SIGKILL if it has not ended within `patienceMs`; its database recovers when it is next opened. Call this only while holding
 * the lock of its data folder, so that no other gateway can be using the server.
 * @param pidFile where `startChild` recorded the process
 * @param folder the server's data folder, for the message
 * @throws CliError naming the process, when even SIGKILL does not end it within 30 s
 */
export async function endLeftover(pidFile: string, folder: string, patienceMs = KILLED_MS): Promise<void> {
  if (!existsSync(pidFile)) return;
  const [pidText = '', ...identity] = readFileSync(pidFile, 'utf8').split(' ');
  const pid = Number(pidText);
  const isOurs = async (): Promise<boolean> => identity.length > 0 && (await identityOf(pid)) === identity.join(' ');
  const endsBy = async (name: NodeJS.Signals, withinMs: number): Promise<boolean> => {
    const end = performance.now() + withinMs;
    if (await isOurs()) sendSignal(pid, name);
    while (await isOurs()) {
      if (performance.now() > end) return false;
      await sleep(50);
    }
    return true;
  };
  if (!((await endsBy('SIGTERM', patienceMs)) || (await endsBy('SIGKILL', KILLED_MS))))
    throw new CliError(
      `An earlier server (process ${pid}) still uses ${folder}, and the system does not end it: see what it waits for, such as a disk`,
    );
  await rm(pidFile, { force: true });
}

function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It ended after the check.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Passed to the program on standard input. */
  readonly input?: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

/**
 * Runs a program until it exits.
 * @returns its exit code (-1 if it could not be run, or was ended by a signal) and its output, stderr included
 * @throws the signal's reason, when `options.signal` is aborted
 */
export async function runToEnd(
  path: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ code: number; output: string }> {
  const { input, timeoutMs, signal, ...spawnOptions } = options;
  signal?.throwIfAborted();
  const process = spawn(path, args, {
    ...spawnOptions,
    stdio: 'pipe',
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
    ...(signal === undefined ? {} : { signal }),
  });
  let output = '';
  for (const stream of [process.stdout, process.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  // A program that exits without reading all of its input breaks the pipe; its exit code says the rest.
  process.stdin.on('error', (error) => (output += error.message)).end(input);
  const code = await new Promise<number>((resolve) => {
    process.once('error', (error) => {
      output += error.message;
      resolve(-1);
    });
    process.once('close', (exitCode) => resolve(exitCode ?? -1));
  });
  signal?.throwIfAborted();
  return { code, output };
}

/** When a process started, which distinguishes it from a later one with the same id; '' when it does not exist or has ended. */
async function identityOf(pid: number): Promise<string> {
  if (!existsSync('/proc/self/stat')) return (await runToEnd('ps', ['-o', 'lstart=', '-p', String(pid)])).output.trim();
  try {
    // proc_pid_stat(5): the name in parentheses may contain anything; the state follows it, and the start time is field 22.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return fields[0] === 'Z' ? '' : (fields[19] ?? '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}

async function readFrom(path: string, start: number): Promise<string> {
  const { size } = await stat(path);
  const from = Math.max(start, size - 4096);
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(size - from), position: from });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
