import { Redis } from 'ioredis';

/** A Redis, observed independently of the gateway. */
export interface ObservedRedis {
  readonly client: Redis;
  /** How many commands of each name the server has run meanwhile, except this client's own. */
  commandsOf(run: () => Promise<unknown>): Promise<Readonly<Record<string, number>>>;
  /** Every key with its remaining lifetime in seconds, rounded; -1 for one that never expires. */
  lifetimes(prefix?: string): Promise<ReadonlyMap<string, number>>;
  close(): void;
}

/** Observes a Redis that no other test uses. */
export function observeRedis(url: string): ObservedRedis {
  const client = new Redis(url);
  // Tests kill and restart it, which emits errors again and again.
  client.on('error', () => undefined);
  return {
    client,
    async commandsOf(run) {
      await client.config('RESETSTAT');
      await run();
      // Responses are stored after they are sent.
      await settled(client);
      const found = (await client.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
      return Object.fromEntries(
        [...found].filter(([, name = '']) => !OWN.has(name)).map(([, name, calls]) => [name, Number(calls)]),
      );
    },
    async lifetimes(prefix = '') {
      const keys = await client.keys(`${prefix}*`);
      const lifetimes = await Promise.all(keys.map(async (key) => [key, await client.ttl(key)] as const));
      // -2: it has expired since the keys were listed.
      return new Map(lifetimes.filter(([, seconds]) => seconds !== -2));
    },
    close: () => client.disconnect(),
  };
}

const OWN = new Set(['config|resetstat', 'config', 'info', 'ping']);

/** Redis runs commands in order, so after two round trips it has run everything that the gateway had sent. */
async function settled(client: Redis): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    await client.ping();
  }
}
