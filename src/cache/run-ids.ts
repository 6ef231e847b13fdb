import { Cluster, type Redis } from 'ioredis';

/**
 * Gives what tells the server that has a key from others, and from itself before a restart: its run id. In a cluster, a node that
 * has taken over the key's slot is another server.
 */
export type RunIdOf = (client: Redis | Cluster, key: string) => Promise<string>;

/** Creates a function that asks each server once for each connection. It rejects when the server does not say. */
export function createRunIds(): RunIdOf {
  const known = new WeakMap<Redis, { readonly stream: unknown; readonly runId: string }>();
  const slots = new Map<string, number>();
  const nodeOf = async (cluster: Cluster, key: string): Promise<Redis> => {
    const slot = slots.get(key) ?? (await cluster.cluster('KEYSLOT', key));
    slots.set(key, slot);
    const [address] = cluster.slots[slot] ?? [];
    const node = cluster.nodes('master').find(({ options }) => `${options.host}:${options.port}` === address);
    if (node === undefined) throw new Error('expected a node of the cluster that has the key, got none');
    return node;
  };
  return async (client, key) => {
    const node = client instanceof Cluster ? await nodeOf(client, key) : client;
    const { stream } = node;
    const before = known.get(node);
    if (before?.stream === stream) return before.runId;
    const runId = /^run_id:(\w+)/m.exec(await node.info('server'))?.[1] ?? '';
    known.set(node, { stream, runId });
    return runId;
  };
}
