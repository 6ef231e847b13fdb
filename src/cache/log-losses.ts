import type { Cluster, Redis } from 'ioredis';
import type { createKnownEntries, LogPosition } from './known-entries.ts';
import type { RunIdOf } from './run-ids.ts';

/** From it on nothing is believed, until an entry that invalidates every tag was read. */
interface Loss {
  /** If set, such an entry by any gateway will do, if the server has accepted it after this one. */
  readonly after?: LogPosition | undefined;
  /** An entry of this gateway that will do in any case. */
  mark?: LogPosition | undefined;
}

/** What this gateway knows that Redis, as it is now, may not. */
export interface LogLosses {
  /** Undefined if there is nothing. */
  present(): Loss | undefined;
  /** How many there were. */
  count(): number;
  /** @param after the last entry that is missing; undefined if it was of another server */
  lose(after?: LogPosition): void;
  /** The run id of the server that has the log: if it is another one than before, what that has accepted is lost. */
  findServer(client: Redis | Cluster, key: string): Promise<string>;
  /** Appends an entry, unless that is being done because of the same loss. */
  mark(append: () => Promise<unknown>): Promise<unknown>;
  /** Whether what this needs was read. */
  areMended(server: string): boolean;
}

/**
 * Tells a server that was used before, and has missed what another one was told since. Its log alone does not show that, and only a
 * gateway that has used both can know: entries that it has read are missing, or the server is another one than it was. Then it
 * appends an entry that invalidates every tag, for all gateways, and believes nothing before it has read that. Each gateway does,
 * since each may know of writes of which others do not.
 *
 * If entries are missing in the log of the same server, because it was deleted, evicted or trimmed, one such entry is enough for all
 * gateways: whatever is stored with a later position was read after the writes whose entries are missing.
 * @param onLoss called when what was known is forgotten
 */
export function createLogLosses(
  runIdOf: RunIdOf,
  known: ReturnType<typeof createKnownEntries>,
  onLoss: () => void,
): LogLosses {
  /** The run id of the server that was used last. */
  let home: string | undefined;
  let loss: Loss | undefined;
  let count = 0;
  const lose = (after?: LogPosition): void => {
    // After a second loss, an entry from between the two is not enough.
    loss = { after: loss === undefined ? after : undefined };
    count += 1;
    known.forget();
    onLoss();
  };
  let marking: { readonly loss: Loss; readonly done: Promise<unknown> } | undefined;
  const isMended = ({ after, mark }: Loss, server: string): boolean =>
    (mark !== undefined && known.has(mark)) || (after !== undefined && known.hasAllTagsAfter(after, server));
  return {
    present: () => loss,
    count: () => count,
    lose,
    async findServer(client, key) {
      const server = await runIdOf(client, key);
      if (home !== undefined && home !== server) lose();
      home = server;
      return server;
    },
    async mark(append) {
      if (loss === undefined) return append();
      if (marking?.loss !== loss) {
        const done = append().finally(() => (marking = marking?.done === done ? undefined : marking));
        marking = { loss, done };
      }
      return marking.done;
    },
    areMended(server) {
      if (loss !== undefined && isMended(loss, server)) loss = undefined;
      return loss === undefined;
    },
  };
}
