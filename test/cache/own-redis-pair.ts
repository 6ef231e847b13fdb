import { startProxy } from '../faults/proxy.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { startRedisIn } from './own-redis-server.ts';

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
  const servers = [await startRedisIn(folder.path, 'one'), await startRedisIn(folder.path, 'two')] as const;
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
