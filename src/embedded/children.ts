import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { open, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../user-error.ts';

export interface ChildCommand {
  readonly path: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What the child prints is added to it. */
  readonly logFile: string;
  /** Holds the child's process id and start while it runs, so that the next start can find one that was left over. */
  readonly pidFile: string;
  /** A `setpriv` that knows --pdeathsig, see `findSetpriv`; undefined: a shell watches the parent. */
  readonly setpriv: string | undefined;
}

export interface Child {
  readonly pid: number;
  /** Resolves, never rejects, when the process has ended, saying how: "exited with code 1". */
  readonly exited: Promise<string>;
  readonly isRunning: () => boolean;
  /** Sends a signal, such as SIGSTOP; nothing happens when the process has ended. */
  readonly signal: (name: NodeJS.Signals) => void;
  /** SIGTERM, then SIGKILL after `timeoutMs`; resolves when the process has ended. */
  readonly stop: (timeoutMs: number) => Promise<void>;
  /** What this child has printed so far, at most the last 4 KiB. */
  readonly lastOutput: () => Promise<string>;
}

// The shell hands its parent's end of a pipe to nobody: `read` returns when the parent is gone, however it went.
// Signals come to the whole process group, so the shell outlives SIGTERM to report how the server ended.
const watcher = `
trap : TERM
"$@" </dev/null 3<&- &
child=$!
{ trap - TERM; read -r line <&3; kill -TERM "$child"; } 2>/dev/null &
watch=$!
wait "$child"; code=$?
while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
kill "$watch" 2>/dev/null
exit "$code"
`;

/**
 * Starts a server as a child that ends with this process, even with SIGKILL. Call it from the main thread: the kernel
 * binds the child to the thread that started it.
 * @returns once the process exists, not once it answers
 * @throws Error of spawn, when the program cannot be run
 */
export async function startChild(command: ChildCommand): Promise<Child> {
  const log = await open(command.logFile, 'a');
  try {
    const logStart = (await log.stat()).size;
    // A process group of its own keeps the terminal's Ctrl-C from it: the gateway stops first, then its servers.
    const [file, args] =
      command.setpriv === undefined
        ? ['/bin/sh', ['-c', watcher, 'sh', command.path, ...command.args]]
        : [command.setpriv, ['--pdeathsig', 'TERM', '--', command.path, ...command.args]];
    const stdio = ['ignore', log.fd, log.fd, command.setpriv === undefined ? 'pipe' : 'ignore'] as const;
    const process = spawn(file, args, { detached: true, env: command.env, stdio: [...stdio] });
    const exited = new Promise<string>((resolve) => {
      process.once('error', (error) => resolve(`could not be run (${error.message})`));
      process.once('exit', (code, signal) => resolve(signal ? `was ended by ${signal}` : `exited with code ${code}`));
    });
    const pid = process.pid;
    if (pid === undefined) throw new Error(`${file} ${await exited}`);
    await writeFile(command.pidFile, `${pid} ${await identityOf(pid)}`);
    return childOf({
      pid,
      exited,
      command,
      logStart,
      isRunning: () => process.exitCode === null && process.signalCode === null,
    });
  } finally {
    await log.close();
  }
}

interface StartedProcess extends Pick<Child, 'pid' | 'exited' | 'isRunning'> {
  readonly command: ChildCommand;
  readonly logStart: number;
}

function childOf({ pid, exited, isRunning, command, logStart }: StartedProcess): Child {
  const signal = (name: NodeJS.Signals): void => {
    if (isRunning()) signalGroup(pid, name);
  };
  const stop = async (timeoutMs: number): Promise<void> => {
    signal('SIGTERM');
    // A stopped process (SIGSTOP) takes SIGTERM only once it goes on.
    signal('SIGCONT');
    const inTime = await Promise.race([exited.then(() => true), sleep(timeoutMs, false, { ref: false })]);
    if (!inTime) signal('SIGKILL');
    await exited;
    await rm(command.pidFile, { force: true });
  };
  return { pid, exited, isRunning, signal, stop, lastOutput: () => readFrom(command.logFile, logStart) };
}

/**
 * Ends a server that an earlier gateway left over: one still shutting down, or one whose gateway was killed.
 * Call it only while holding the lock of its data folder: then nobody else can be using the server.
 * @param pidFile where `startChild` noted the process
 * @param folder the server's data folder, for the message
 * @throws UserError naming the process, when it does not end within `timeoutMs`
 */
export async function endLeftover(pidFile: string, folder: string, timeoutMs = 30_000): Promise<void> {
  if (!existsSync(pidFile)) return;
  const [pidText = '', ...identity] = readFileSync(pidFile, 'utf8').split(' ');
  const pid = Number(pidText);
  const isOurs = async (): Promise<boolean> => identity.length > 0 && (await identityOf(pid)) === identity.join(' ');
  const end = performance.now() + timeoutMs;
  if (await isOurs()) signalGroup(pid, 'SIGTERM');
  while (await isOurs()) {
    if (performance.now() > end)
      throw new UserError(
        `An earlier server (process ${pid}) still uses ${folder} and has not ended within ${timeoutMs / 1000} s; end it with: kill ${pid}`,
      );
    await sleep(50);
  }
  await rm(pidFile, { force: true });
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Given to the program on its standard input. */
  readonly input?: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

/**
 * Runs a program to its end.
 * @returns its exit code (-1: it could not be run, or was ended by a signal) and what it printed, errors included
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
  // A program that ends without reading all of its input breaks the pipe; its exit code tells the rest.
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

/** `path` where that setpriv can bind a child to its parent's life (util-linux; busybox has one that cannot). */
export async function usableSetpriv(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const { code } = await runToEnd(path, ['--pdeathsig', 'TERM', '--', '/bin/sh', '-c', ':'], { timeoutMs: 5_000 });
  return code === 0 ? path : undefined;
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch (error) {
    // It ended between the question and the signal.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** When a process started, which tells it from a later one with the same id; '' when there is none or it has ended. */
async function identityOf(pid: number): Promise<string> {
  if (!existsSync('/proc/self/stat')) return (await runToEnd('ps', ['-o', 'lstart=', '-p', String(pid)])).output.trim();
  try {
    // proc_pid_stat(5): the name in brackets may hold anything; then come the state and, as 22nd field, the start.
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
