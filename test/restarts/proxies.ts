import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startChild } from '../../src/embedded/children.ts';
import { freePort } from '../../src/embedded/ports.ts';
import { blocksOf, project } from '../docs/markdown.ts';
import { PATIENCE_MS, until } from '../support/patience.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { findProxy, type ProxyName } from './programs.ts';

/** A proxy in front of two gateways. Its responses name the gateway in the header `x-gateway`. */
export interface Proxy {
  readonly url: string;
  /** Whether it sends a gateway no more requests; undefined if it never decides that by itself. */
  readonly hasLeft?: (gateway: GatewayAddress) => Promise<boolean>;
  readonly close: () => Promise<void>;
}

/** `HOST:PORT` */
export type GatewayAddress = string;

interface ProxyOptions {
  readonly gateways: readonly [GatewayAddress, GatewayAddress];
  /** Whether to check gateways ten times as often as the page says, to save time. */
  readonly isHurried: boolean;
}

const START: Record<ProxyName, (options: ProxyOptions) => Promise<Proxy>> = {
  haproxy: startHaproxy,
  nginx: startNginx,
};

/** Starts a proxy as docs/stopping.md configures it. */
export const startProxy = (name: ProxyName, options: ProxyOptions): Promise<Proxy> => START[name](options);

async function startHaproxy({ gateways, isHurried }: ProxyOptions): Promise<Proxy> {
  const folder = await createTemporaryFolder();
  const port = await freePort();
  const statistics = join(folder.path, 'socket');
  const config = configured('haproxy', [
    ['defaults\n', `global\n  stats socket ${statistics}\ndefaults\n`],
    ['bind :80', `bind 127.0.0.1:${port}`],
    ['backend concierge\n', 'backend concierge\n  http-response set-header x-gateway %si:%sp\n'],
    ['10.0.0.1:4000', gateways[0]],
    ['10.0.0.2:4000', gateways[1]],
    ['inter 1s', isHurried ? 'inter 100ms' : 'inter 1s'],
  ]);
  const file = join(folder.path, 'haproxy.cfg');
  await writeFile(file, config);
  const stop = await run('haproxy', { folder: folder.path, args: ['-db', '-f', file], port });
  return {
    url: `http://127.0.0.1:${port}`,
    async hasLeft(gateway) {
      const lines = (await ask(statistics, 'show stat\n')).split('\n').map((line) => line.split(','));
      const [head = []] = lines;
      const valueIn = (line: readonly string[], name: string) => line[head.indexOf(name)] ?? '';
      const line = lines.find((each) => valueIn(each, 'addr') === gateway);
      if (line === undefined) throw new Error(`haproxy knows no server ${gateway}: ${lines.join('\n')}`);
      return valueIn(line, 'status').startsWith('DOWN');
    },
    async close() {
      await stop();
      await folder.remove();
    },
  };
}

async function startNginx({ gateways }: ProxyOptions): Promise<Proxy> {
  const folder = await createTemporaryFolder();
  const port = await freePort();
  const site = configured('nginx', [
    ['listen 80;', `listen 127.0.0.1:${port};\n  add_header x-gateway $upstream_addr always;`],
    ['10.0.0.1:4000', gateways[0]],
    ['10.0.0.2:4000', gateways[1]],
  ]);
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path ${each};`);
  // A worker would run as another user, who may not have access to the folder.
  const main = 'daemon off; master_process off; pid nginx.pid; error_log stderr; events { worker_connections 1000; }';
  const file = join(folder.path, 'nginx.conf');
  await writeFile(file, `${main}\nhttp {\naccess_log off; ${paths.join(' ')}\n${site}}\n`);
  const args = ['-e', 'stderr', '-p', folder.path, '-c', file];
  const stop = await run('nginx', { folder: folder.path, args, port });
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      await stop();
      await folder.remove();
    },
  };
}

/** The configuration on the page, with each text replaced. */
function configured(language: ProxyName, replacements: readonly (readonly [string, string])[]): string {
  const page = readFileSync(join(project, 'docs/stopping.md'), 'utf8');
  const block = blocksOf(page).find((each) => each.language === language);
  if (block === undefined) throw new Error(`docs/stopping.md has no block of ${language}`);
  return replacements.reduce((config, [from, to]) => {
    if (!config.includes(from)) throw new Error(`docs/stopping.md, ${language}: expected "${from}" in ${config}`);
    return config.replace(from, to);
  }, block.text);
}

/** Starts a proxy, which ends with this process. Resolves when it accepts connections, with the function that stops it. */
async function run(
  name: ProxyName,
  { folder, args, port }: { readonly folder: string; readonly args: readonly string[]; readonly port: number },
): Promise<() => Promise<void>> {
  const child = await startChild({
    ...(await findProxy(name)),
    args,
    logFile: join(folder, 'log'),
    pidFile: join(folder, 'pid'),
  });
  const look = async () => ({
    isRunning: child.isRunning(),
    isOpen: await accepts(port),
    log: await child.lastOutput(),
  });
  const seen = await until(`${name} to accept connections`, look, ({ isRunning, isOpen }) => isOpen || !isRunning);
  if (!seen.isRunning) throw new Error(`${name} has ended: ${seen.log}`);
  child.answers();
  return () => child.stop(PATIENCE_MS);
}

/** Whether a port on this machine accepts connections. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function ask(socketPath: string, command: string): Promise<string> {
  const socket = connect(socketPath);
  socket.end(command);
  return text(socket);
}
