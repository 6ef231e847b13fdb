import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { CliError } from '../src/cli-error.ts';
import { thisCheckout, type Checkout } from './checkout.ts';
import type { Settings } from './servers/serve.ts';

/** A server under test, in its own process. */
export interface Child {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** What each request to it has besides what every server gets. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds of CPU time, user and system, that the process has used so far. */
  cpuMs(): Promise<number>;
  stop(): Promise<void>;
}

export interface ChildOptions {
  readonly settings: Settings;
  /** Additional environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** For each request to it. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For Node, such as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
  /** Whose script it is, with its own packages and Node. Default: this one. */
  readonly checkout?: Checkout | undefined;
}

/** Starts a script of `servers/`. It ends with this process, however that ends. */
export async function startChild(script: string, options: ChildOptions): Promise<Child> {
  const { folder, node } = options.checkout ?? thisCheckout;
  const child = fork(join(folder, 'bench/servers', `${script}.ts`), {
    cwd: folder,
    execPath: node,
    // Nothing in the caller's environment may affect the measurement.
    env: { PATH: process.env['PATH'], BENCH_SETTINGS: JSON.stringify(options.settings), ...options.env },
    execArgv: [...(options.nodeOptions ?? [])],
  });
  const message = (): Promise<Readonly<Record<string, number>>> =>
    new Promise((resolve, reject) => {
      const onExit = (code: number | null): void =>
        reject(new CliError(`${script} of ${folder} ended with exit code ${code}`));
      child.once('exit', onExit);
      child.once('message', (given) => {
        child.off('exit', onExit);
        resolve(given as Readonly<Record<string, number>>);
      });
    });
  const { port } = await message();
  return {
    url: `http://127.0.0.1:${port}`,
    ...(options.headers && { headers: options.headers }),
    async cpuMs() {
      const reply = message();
      child.send({});
      return (await reply)['cpuMs'] ?? Number.NaN;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}
