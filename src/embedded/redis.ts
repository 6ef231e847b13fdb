import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { endLeftover, startChild } from './children.ts';
import { environmentOf } from './find.ts';
import { loopback } from './ports.ts';
import { type RunningServer, type ServerOptions, startOnPort, waitForAnswer } from './server.ts';

/**
 * Starts a Redis on loopback without persistence, with at most 256 MB and LRU eviction.
 * @returns once it has answered PING
 * @throws CliError with the end of its log, when it does not start
 */
export async function startRedis(options: ServerOptions): Promise<RunningServer> {
  const { program, dataDir, signal } = options;
  const folder = join(dataDir, 'redis');
  const pidFile = join(dataDir, 'redis.pid');
  await endLeftover(pidFile, folder);
  await mkdir(folder, { recursive: true });
  return startOnPort(options, async (port) => {
    const logFile = join(dataDir, 'redis.log');
    const args = [...argumentsOf({ bind: loopback, port: String(port), dir: folder }), ...(options.args ?? [])];
    const child = await startChild({
      path: program.path,
      args,
      env: environmentOf(program),
      logFile,
      pidFile,
    });
    await waitForAnswer({ child, logFile, ask: () => ping(port), signal, name: program.path });
    return { child, port, url: `redis://${loopback}:${port}`, logFile };
  });
}

/** Persists nothing, since a cache is stale after a restart. */
function argumentsOf(settings: Readonly<Record<string, string>>): readonly string[] {
  const fixed = { save: '', appendonly: 'no', daemonize: 'no', maxmemory: '256mb', 'maxmemory-policy': 'allkeys-lru' };
  return Object.entries({ ...settings, ...fixed }).flatMap(([name, value]) => [`--${name}`, value]);
}

async function ping(port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: loopback, port, timeout: 1_000 });
    const end = (error?: Error): void => {
      socket.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('error', end);
    socket.once('timeout', () => end(new Error('no answer to PING within 1 s')));
    socket.once('close', () => end(new Error('closed the connection')));
    socket.once('data', (data) => {
      if (data.toString().startsWith('+PONG')) end();
      else end(new Error(`PING was answered with ${data.toString()}`));
    });
  });
}
