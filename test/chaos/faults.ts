import type { Random } from '../../src/data/seed/random.ts';
import { pause } from '../support/patience.ts';
import type { OwnServer, OwnServers } from '../support/servers.ts';
import type { Gateways } from './gateways.ts';

export interface Breakable {
  readonly servers: OwnServers;
  readonly gateways: Gateways;
}

/** Breaks something; it works again when `inject` resolves. */
export interface Fault {
  readonly name: string;
  readonly inject: (broken: Breakable, random: Random) => Promise<void>;
}

/** Cuts one gateway's connections at every COMMIT for a while. */
const cutAtCommit =
  (when: 'before' | 'after') =>
  async ({ gateways }: Breakable, random: Random): Promise<void> => {
    const proxy = gateways.proxy(random.below(2));
    proxy.cut(/COMMIT/, when);
    await pause(random.between(200, 800));
    proxy.cut(undefined);
  };

async function restart(server: OwnServer, how: 'kill' | 'stop', random: Random): Promise<void> {
  await server[how]();
  await pause(random.below(500));
  await server.start();
}

export const LOST_COMMITS: Fault = { name: 'COMMIT done, its answer lost', inject: cutAtCommit('after') };

export const FAULTS: readonly Fault[] = [
  LOST_COMMITS,
  { name: 'connections cut before COMMIT', inject: cutAtCommit('before') },
  {
    name: 'connections cut',
    async inject({ gateways }, random) {
      const proxy = gateways.proxy(random.below(2));
      proxy.cut(/./);
      proxy.cut(undefined);
    },
  },
  { name: 'gateway killed', inject: ({ gateways }, random) => gateways.restart(random.below(2), 'SIGKILL') },
  { name: 'gateway stopped', inject: ({ gateways }, random) => gateways.restart(random.below(2), 'SIGTERM') },
  { name: 'database killed', inject: ({ servers }, random) => restart(servers.database, 'kill', random) },
  { name: 'database restarted', inject: ({ servers }, random) => restart(servers.database, 'stop', random) },
  {
    name: 'database hung',
    async inject({ servers }, random) {
      servers.database.pause();
      await pause(random.between(100, 1_500));
      servers.database.resume();
    },
  },
  { name: 'Redis killed', inject: ({ servers }, random) => restart(servers.redis, 'kill', random) },
];

/**
 * Injects one fault after the other until told to stop, but each at least once.
 * @param broken called with the name of each
 */
export async function breakThings(
  {
    faults,
    broken,
    ...all
  }: Breakable & { readonly faults: readonly Fault[]; readonly broken: (name: string) => void },
  random: Random,
  stop: AbortSignal,
): Promise<void> {
  if (faults.length === 0) return;
  for (let round = 0; round === 0 || !stop.aborted; round += 1)
    for (const { name, inject } of shuffled(faults, random)) {
      if (round > 0 && stop.aborted) return;
      await pause(random.between(100, 900));
      broken(name);
      await inject(all, random);
    }
}

function shuffled<Item>(items: readonly Item[], random: Random): readonly Item[] {
  return items
    .map((item) => ({ item, place: random.fraction() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
