import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { InvalidationLog } from './invalidation-log.ts';
import type { BoundedRedis } from './redis.ts';
import { provesNothing } from './redis-state.ts';
import { createSubscriber } from './redis-subscriber.ts';

/** Tells gateways that write and gateways with a lease of each other. A message that is lost costs waiting, and nothing else. */
export interface NearNotices {
  /** Begins to listen, if it does not yet. */
  open(): void;
  /** Tells every gateway of a write, whose entry is the latest that this one has appended to the log. */
  tell(write: string): void;
  close(): void;
}

export interface NearNoticesOptions {
  readonly urls: readonly string[];
  readonly timeoutMs: number;
  readonly redis: BoundedRedis;
  readonly prefix: string;
  readonly log: Log;
  readonly metrics: Metrics;
}

interface Listening {
  /** Of this gateway. */
  readonly id: string;
  readonly invalidations: InvalidationLog;
  /** Another gateway has read of a write that this one has told of. */
  readonly onHeard: (write: string, holder: string) => void;
}

/** On one channel, writers tell of writes; on a channel of each writer, the others say that they have read the log since. */
export function createNearNotices(options: NearNoticesOptions, { id, invalidations, onHeard }: Listening): NearNotices {
  const { redis, prefix } = options;
  const [all, own] = ['near', `near:${id}`];
  const publish = (channel: string, message: string): void =>
    void redis.run('near', (client) => client.publish(`${prefix}${channel}`, message), provesNothing);
  const answer = async (writer: string, write: string, entry: string): Promise<void> => {
    // Even without a lease: one that is being taken may have read the log before the write.
    const position = await redis.run('near', (client) => invalidations.catchUp(client));
    // The writer may be connected to another server, during a fail-over.
    if (position !== undefined && (entry === '' || invalidations.knows(entry)))
      publish(`near:${writer}`, `${write} ${id}`);
  };
  const subscriber = createSubscriber(
    { ...options, purpose: 'near' },
    {
      onMessage(channel, message) {
        const [first = '', second = '', third = ''] = message.split(' ');
        if (channel === own) onHeard(first, second);
        else if (first !== id) void answer(first, second, third);
      },
      async onReady(subscribe) {
        await subscribe([all, own]);
      },
      onLost: () => undefined,
      onBack: () => undefined,
    },
  );
  return {
    open: subscriber.open,
    tell: (write) => publish(all, `${id} ${write} ${invalidations.lastAppended() ?? ''}`),
    close: () => subscriber.close(),
  };
}
