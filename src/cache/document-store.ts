import type { BoundedRedis } from './redis.ts';

/** Documents that clients have sent with their hash, for all gateways. */
export interface DocumentStore {
  /** Undefined if it is not there, or Redis does not say. */
  load(hash: string): Promise<string | undefined>;
  store(hash: string, document: string): void;
}

/** A document that nobody asks for by its hash is forgotten soon, so that many of them do not fill the memory of Redis. */
const NEW_SECONDS = 600;
const USED_SECONDS = 24 * 3_600;

/** Works with a cluster, too. */
export function createDocumentStore(redis: BoundedRedis, prefix: string): DocumentStore {
  const keyOf = (hash: string) => `${prefix}document:${hash}`;
  return {
    async load(hash) {
      const found = await redis.run('document', async (client) => {
        const [document] = await Promise.all([client.get(keyOf(hash)), client.expire(keyOf(hash), USED_SECONDS)]);
        return { document };
      });
      return found?.document ?? undefined;
    },
    store: (hash, document) =>
      void redis.run('store', (client) => client.set(keyOf(hash), document, 'EX', NEW_SECONDS, 'NX')),
  };
}
