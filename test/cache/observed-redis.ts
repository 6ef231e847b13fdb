import { Redis } from 'ioredis';

/** A Redis as a test looks at it from beside the gateway. */
export interface ObservedRedis {
  readonly client: Redis;
  /** How many commands of each name the server has run meanwhile, those of this client left out. */
  commandsOf(run: () => Promise<unknown>): Promise<Readonly<Record<string, number>>>;
  /** Every key with its remaining lifetime in seconds, rounded; -1 for one that never ends. */
  lifetimes(prefix?: string): Promise<ReadonlyMap<string, number>>;
  close(): void;
}

/** Looks at a Redis that no other test uses. */
export function observeRedis(url: string): ObservedRedis {
  const client = new Redis(url);
  // Killed and started again by tests, it says so over and over.
  client.on('error', () => undefined);
  return {
    client,
    async commandsOf(run) {
      await client.config('RESETSTAT');
      await run();
      // Answers are stored after they were sent.
      await settled(client);
      const found = (await client.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
      return Object.fromEntries(
        [...found].filter(([, name = '']) => !OWN.has(name)).map(([, name, calls]) => [name, Number(calls)]),
      );
    },
    async lifetimes(prefix = '') {
      const keys = await client.keys(`${prefix}*`);
      const lifetimes = await Promise.all(keys.map(async (key) => [key, await client.ttl(key)] as const));
      // -2: it has ended since the keys were listed.
      return new Map(lifetimes.filter(([, seconds]) => seconds !== -2));
    },
    close: () => client.disconnect(),
  };
}

const OWN = new Set(['config|resetstat', 'config', 'info', 'ping']);

/** Redis takes commands in turn, so two round trips of ours come after what the gateway had sent. */
async function settled(client: Redis): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    await client.ping();
  }
}
