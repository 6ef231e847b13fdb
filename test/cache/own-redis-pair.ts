import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchedRoot } from '../../src/embedded/fetch.ts';
import { findServers, searchFolders } from '../../src/embedded/find.ts';
import { demo } from '../../src/embedded/index.ts';
import { startRedis } from '../../src/embedded/redis.ts';
import type { RunningServer } from '../../src/embedded/server.ts';
import { startProxy } from '../faults/proxy.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

/** Two servers that know nothing of each other, behind one address. */
export interface OwnRedisPair {
  readonly url: string;
  readonly ports: readonly [number, number];
  /** Has the address lead to one of them, as with a name whose address is changed, and ends all connections. */
  readonly use: (which: 0 | 1) => void;
  readonly close: () => Promise<void>;
}

export async function startOwnRedisPair(): Promise<OwnRedisPair> {
  const folder = await createTemporaryFolder();
  const [program] = await findServers(
    'redis',
    searchFolders(process.env['PATH']),
    fetchedRoot(demo.serversDir, 'redis'),
  );
  if (program === undefined) throw new Error('no Redis, though the global setup has started one');
  const startOne = async (name: string): Promise<RunningServer> => {
    const dataDir = join(folder.path, name);
    await mkdir(dataDir);
    return startRedis({ program, dataDir, signal: undefined, args: [] });
  };
  const servers = [await startOne('one'), await startOne('two')] as const;
  const ports = [servers[0].port, servers[1].port] as const;
  let target = ports[0];
  const proxy = await startProxy(
    () => target,
    (client, upstream) => client.pipe(upstream).pipe(client),
  );
  return {
    url: `redis://127.0.0.1:${proxy.port}`,
    ports,
    use(which) {
      target = ports[which];
      proxy.destroyAll();
    },
    async close() {
      await proxy.close();
      await Promise.all(servers.map(({ child }) => child.stop(PATIENCE_MS)));
      await folder.remove();
    },
  };
}
