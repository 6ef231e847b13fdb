import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { bearing, BY_SECRET, tokenOf } from '../access/tokens.ts';
import { startProcess } from '../cli/gateway-process.ts';
import { ask } from '../http/ask.ts';
import { createDatabase, redisUrl } from '../support/servers.ts';
import { createGoodClients, type GoodClients } from './good-clients.ts';

const HEAP_MEGABYTES = 256;
/** The heap, and what is outside of it: code, buffers of 64 MiB for requests and responses each, the page. */
export const MOST_MEGABYTES = 640;
const GOOD_CLIENTS = 20;
const ATTACKERS = 50;
/** The attackers come from so many machines, or have so many tokens. */
const ATTACKING_CLIENTS = 5;

/** A gateway with a small heap in a process of its own, well-behaved clients, and attackers in a process of theirs. */
export interface Storm {
  readonly good: GoodClients;
  /** Begins to attack in these ways at random, by all attackers. */
  readonly attack: (names: readonly string[], seed: number) => Attackers;
  /** The gateway's memory in MB. @throws Error when it has ended */
  readonly memory: () => Promise<number>;
  readonly mostMemory: () => number;
  /** What it keeps about requests and responses, in MB: until that is as much as it may be, memory grows. */
  readonly kept: () => Promise<number>;
  /** How long the gateway's main thread has run, and how long it could have run but had no processor, in ns (Linux). */
  readonly scheduled: () => readonly number[];
  readonly close: () => Promise<void>;
}

export interface Attackers {
  /** How many attacks have ended, by name. @throws Error when the attackers have ended themselves */
  readonly ended: () => ReadonlyMap<string, number>;
  readonly stop: () => void;
}

/** Callers are told apart by their addresses; with `hasTokens`, by their tokens alone. */
export async function startStorm({
  settings,
  hasTokens,
}: {
  readonly settings: Readonly<Record<string, string>>;
  readonly hasTokens: boolean;
}): Promise<Storm> {
  const database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 1_000, ordersPerCustomer: 20, seed: 1 });
  const gateway = startProcess({
    DATABASE_URL: database.url,
    REDIS_URL: redisUrl(),
    CACHE_PREFIX: `storm-${process.pid}:`,
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MEGABYTES}`,
    ...(hasTokens ? { ...BY_SECRET, AUTH_API_KEYS: 'true' } : {}),
    ...settings,
  });
  const address = await gateway.address;
  const tokens = (name: string, count: number): Promise<string[]> =>
    Promise.all(
      Array.from({ length: count }, (_, i) => tokenOf({ sub: `${name}-${i}`, scope: 'crm:read crm:write crm:pii' })),
    );
  const identities = hasTokens
    ? (await tokens('good', GOOD_CLIENTS)).map((token) => ({ headers: bearing(token) }))
    : Array.from({ length: GOOD_CLIENTS }, (_, client) => ({ localAddress: `127.0.2.${client + 1}` }));
  const attackingTokens = hasTokens ? await tokens('attacker', ATTACKING_CLIENTS) : [];
  const good = await createGoodClients(address, identities);
  const attackers = new Set<Attackers>();
  const megabytes = (name: 'VmRSS' | 'VmHWM'): number => {
    const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1_024;
  };
  return {
    good,
    attack(names, seed) {
      const started = startAttackers([
        ...['--port', new URL(address).port, '--customer', good.customerIds[0] ?? ''],
        ...['--seed', String(seed), '--attackers', String(ATTACKERS)],
        ...names.flatMap((name) => ['--attack', name]),
        ...attackingTokens.flatMap((token) => ['--token', token]),
      ]);
      attackers.add(started);
      return started;
    },
    async memory() {
      if (!existsSync(`/proc/${gateway.pid}`))
        throw new Error(`the gateway has ended: ${inspect(await gateway.ended)}`);
      return megabytes('VmRSS');
    },
    mostMemory: () => megabytes('VmHWM'),
    async kept() {
      const text = (await ask(`${address}/metrics`)).body.toString();
      return text
        .matchAll(/^concierge_(?:kept|cache_near)_bytes (\d+)$/gm)
        .reduce((sum, [, bytes]) => sum + Number(bytes) / 1_048_576, 0);
    },
    scheduled: () => readFileSync(`/proc/${gateway.pid}/task/${gateway.pid}/schedstat`, 'utf8').split(' ').map(Number),
    async close() {
      await good.stop();
      for (const { stop } of attackers) stop();
      gateway.kill('SIGKILL');
      await gateway.ended;
      await database.drop();
    },
  };
}

function startAttackers(args: readonly string[]): Attackers {
  // What they need themselves must not slow down the others, who would be on other machines.
  const child = spawn('nice', ['-n', '15', process.execPath, join(import.meta.dirname, 'attackers.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const counts = new Map<string, number>();
  child.stdout.setEncoding('utf8').on('data', (lines: string) => {
    for (const name of lines.trim().split('\n')) counts.set(name, (counts.get(name) ?? 0) + 1);
  });
  return {
    ended() {
      if (child.exitCode !== null) throw new Error('the attackers have ended');
      return counts;
    },
    stop: () => void child.kill('SIGKILL'),
  };
}
