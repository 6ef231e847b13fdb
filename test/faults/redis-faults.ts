import { Redis } from 'ioredis';
import { until } from '../support/patience.ts';
import type { OwnServer } from '../support/servers.ts';

/** Something that can go wrong with a Redis. */
export interface Fault {
  readonly name: string;
  readonly cause: () => Promise<unknown>;
  readonly mend: () => Promise<unknown>;
}

/**
 * Everything that can go wrong with a Redis.
 * @param redis the server; called when a fault is caused
 * @param control a client of it
 */
export function redisFaults(redis: () => OwnServer, control: () => Redis): readonly Fault[] {
  const dropClients = () => control().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  return [
    { name: 'was killed', cause: () => redis().kill(), mend: () => redis().start() },
    {
      name: 'hangs',
      cause: async () => redis().pause(),
      mend: async () => redis().resume(),
    },
    {
      name: 'takes no more clients',
      cause: async () => {
        await control().config('SET', 'maxclients', '1');
        await dropClients();
      },
      mend: () => control().config('SET', 'maxclients', '1000'),
    },
    {
      name: 'asks for a password that the gateway does not have',
      cause: async () => {
        await control().config('SET', 'requirepass', 'secret');
        await control().auth('secret');
        await dropClients();
      },
      mend: () => control().config('SET', 'requirepass', ''),
    },
    {
      name: 'refuses every command',
      cause: async () => {
        await control().config('SET', 'busy-reply-threshold', '10');
        const busy = new Redis(redis().url);
        void busy.eval('while true do end', 0).catch(() => busy.disconnect());
        const answer = () =>
          control()
            .ping()
            .catch(() => 'busy');
        await until('Redis to be busy', answer, (said) => said === 'busy');
      },
      mend: () => control().script('KILL'),
    },
    {
      name: 'became a replica and takes no writes',
      cause: () => control().replicaof('127.0.0.1', 1),
      mend: () => control().replicaof('NO', 'ONE'),
    },
    {
      name: 'has no free memory and forgets nothing',
      cause: async () => {
        await control().config('SET', 'maxmemory-policy', 'noeviction');
        await control().config('SET', 'maxmemory', '1');
      },
      mend: async () => {
        await control().config('SET', 'maxmemory', '256mb');
        await control().config('SET', 'maxmemory-policy', 'allkeys-lru');
      },
    },
  ];
}
