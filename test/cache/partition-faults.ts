import type { Random } from '../../src/data/seed/random.ts';
import { lockTable, type TableLock } from '../faults/table-lock.ts';
import { pause, until } from '../support/patience.ts';
import type { OwnServers } from '../support/servers.ts';
import type { ObservedRedis } from './observed-redis.ts';
import type { CuttableGateway } from './three-gateways.ts';

export type FaultName =
  | 'one gateway cut off from Redis'
  | 'one gateway gets no answer from Redis'
  | 'one gateway stopped'
  | 'one gateway stopped, and one cut off'
  | 'all gateways cut off from Redis'
  | 'Redis hung'
  | 'Redis killed, and started again empty'
  | 'connections of subscribers closed'
  | 'all other connections closed'
  | 'everything in Redis lost'
  | 'the registry lost'
  | 'the log of writes lost'
  | 'reads held back'
  | 'reads held back, and one gateway stopped when they go on'
  | 'responses held back before they are compressed';

export type Fault = readonly [name: FaultName, inject: (random: Random) => Promise<unknown>];

export interface Breakable {
  readonly servers: OwnServers;
  readonly redis: ObservedRedis;
  readonly gateways: readonly CuttableGateway[];
  /** Those that nobody writes through now: a gateway's own writes would close its memory. */
  readonly onlyRead: Set<CuttableGateway>;
}

const mend = (gateway: CuttableGateway): void => gateway.mend();

/** Faults of gateways and of their ways to Redis. */
function gatewayFaults({ gateways, onlyRead }: Breakable): readonly Fault[] {
  const ofGateway =
    (begin: (gateway: CuttableGateway) => void, end: (gateway: CuttableGateway) => void) =>
    async (random: Random): Promise<void> => {
      const gateway = random.pick(gateways);
      if (random.chance(500)) onlyRead.add(gateway);
      begin(gateway);
      await pause(random.between(10, 3_000));
      end(gateway);
      onlyRead.delete(gateway);
    };
  const cut = ofGateway((gateway) => gateway.cut(), mend);
  const stop = ofGateway(
    (gateway) => gateway.pause(),
    (gateway) => gateway.resume(),
  );
  return [
    ['one gateway cut off from Redis', cut],
    ['one gateway gets no answer from Redis', ofGateway((gateway) => gateway.silence(), mend)],
    ['one gateway stopped', stop],
    ['one gateway stopped, and one cut off', (random) => Promise.all([cut(random), stop(random)])],
    [
      'all gateways cut off from Redis',
      async (random) => {
        for (const gateway of gateways) gateway.cut();
        await pause(random.between(10, 3_000));
        for (const gateway of gateways) gateway.mend();
      },
    ],
  ];
}

function redisFaults({ servers, redis }: Breakable): readonly Fault[] {
  return [
    ['Redis hung', (random) => redis.client.client('PAUSE', random.between(1, 2_000), 'ALL')],
    [
      'Redis killed, and started again empty',
      async (random) => {
        await servers.redis.kill();
        await pause(random.between(10, 1_000));
        await servers.redis.start();
      },
    ],
    ['connections of subscribers closed', () => redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')],
    ['all other connections closed', () => redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')],
    ['everything in Redis lost', () => redis.client.flushall()],
    ['the registry lost', () => redis.client.del('concierge:near')],
    ['the log of writes lost', () => redis.client.del('concierge:invalidations')],
  ];
}

/** Writes by whoever injects faults. Both counts throw once a client has failed, since they need not grow any more. */
export interface OwnWrites {
  /** How many writes were answered, those of others as well. */
  readonly count: () => number;
  /** How many reads of long responses are not answered yet. */
  readonly longReads: () => number;
  /** Writes what nobody else does: so what is wrong about it stays so, until it is read. */
  readonly write: () => Promise<void>;
}

/** Reads that have read customers, in the database or in Redis, and are held back while others write. */
function heldReads({ servers, gateways }: Breakable, { count, longReads, write }: OwnWrites): readonly Fault[] {
  const untilWritten = async (random: Random): Promise<void> => {
    const enough = count() + random.between(1, 8);
    await until('writes while reads are held back', count, (written) => written >= enough);
    await write();
  };
  /** What was read is from before the write. */
  const untilHeld = async (random: Random): Promise<TableLock> => {
    await write();
    const lock = await lockTable(servers.database.url, 'agents');
    try {
      await lock.waiting(1);
      await untilWritten(random);
    } catch (error) {
      // Or the clients would never get their answers, and the run would not end.
      await lock.release();
      throw error;
    }
    return lock;
  };
  return [
    [
      'reads held back',
      async (random) => {
        const lock = await untilHeld(random);
        await pause(random.below(200));
        await lock.release();
      },
    ],
    [
      'reads held back, and one gateway stopped when they go on',
      async (random) => {
        const lock = await untilHeld(random);
        const gateway = random.pick(gateways);
        gateway.pause();
        await lock.release();
        await pause(random.between(10, 1_500));
        gateway.resume();
      },
    ],
    [
      'responses held back before they are compressed',
      async (random) => {
        const gateway = random.pick(gateways);
        await write();
        gateway.holdCompressions();
        try {
          await until('long reads to be held back', longReads, (reads) => reads > 3);
          await untilWritten(random);
        } finally {
          gateway.holdCompressions();
        }
      },
    ],
  ];
}

export const createFaults = (broken: Breakable, writes: OwnWrites): readonly Fault[] => [
  ...gatewayFaults(broken),
  ...redisFaults(broken),
  ...heldReads(broken, writes),
];
