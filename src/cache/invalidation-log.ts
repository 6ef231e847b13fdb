import { randomUUID } from 'node:crypto';
import { Cluster, type Redis } from 'ioredis';
import { TURNS } from '../turns.ts';
import {
  ALL_TAGS,
  createKnownEntries,
  isEntry,
  MAX_ENTRIES,
  type Entry,
  type LogPosition,
  type Staleness,
} from './known-entries.ts';
import { createLogLosses, type LogLosses } from './log-losses.ts';
import { createRunIds, type RunIdOf } from './run-ids.ts';

/** The tags that writes have invalidated, in the same order for every gateway. */
export interface InvalidationLog {
  /** Reads new entries and returns the position reached. Rejects when Redis does not respond, or would refuse to append. */
  catchUp(client: Redis | Cluster): Promise<LogPosition>;
  /** A tag that stands for every tag, but only as read by this log: other gateways ignore it. */
  readonly ownTag: string;
  /**
   * Appends tags. Any `catchUp` that starts after this has resolved sees them. `ALL_TAGS` stands for every tag.
   * @param onSent called when the command was sent, so that others can be sent after it without waiting for its reply
   * @returns whether it has; if not, it has deleted the log, after whatever `onSent` has sent
   */
  append(client: Redis | Cluster, tags: readonly string[], onSent?: () => void): Promise<boolean>;
  /**
   * Which of a response's tags was appended after the position, as of the last `catchUp`; undefined if none was: it is fresh.
   * @param tags called only if anything was: a response may have hundreds
   */
  staleness(position: LogPosition, tags: () => readonly string[]): Staleness | undefined;
  /** Whether a position is known to be another one, or a later one. */
  reaches(position: LogPosition, other: LogPosition): boolean;
  /** How far it was read; undefined if nothing is known. */
  newest(): LogPosition | undefined;
  /** The latest entry that `append` has made; undefined if there is none, or if it has deleted the log instead. */
  lastAppended(): LogPosition | undefined;
  /** Whether an entry was read. */
  knows(position: LogPosition): boolean;
  /** Whether everything that this log has appended was read since, and nothing that was known has been forgotten. */
  isCaughtUp(): boolean;
  /** How often Redis had lost entries that were known, or was another server than before. */
  losses(): number;
  readonly serverOf: RunIdOf;
}

const READ_AT_ONCE = 1_000;
// Longer than the lifetime of any cached response, whose validity depends on the log.
const LIFETIME_SECONDS = 7 * 24 * 3_600;

/**
 * The log is a Redis stream. A position is valid only while its entry is among those that this gateway has read from the present
 * stream. After a restart or failover, Redis may have lost the newest entries. So each entry has the run id of the server that
 * accepted it, and an entry whose run id differs from the previous one invalidates every tag.
 * What has become of the server since is known by `LogLosses`.
 * @param options.onWritable called when Redis would have accepted an entry since `askedMs`, a time of `performance.now()`
 */
export function createInvalidationLog(options: {
  readonly prefix: string;
  readonly onWritable?: (askedMs: number) => void;
}): InvalidationLog {
  const key = `${options.prefix}invalidations`;
  const ownTag = `${ALL_TAGS}${randomUUID()}`;
  const known = createKnownEntries(ownTag);
  const runIdOf = createRunIds();
  /** How often something has happened that only a read which begins later knows of, and how many of these were read. */
  let unread = 0;
  let read = 0;
  let lastAppended: LogPosition | undefined;
  const losses = createLogLosses(runIdOf, known, () => {
    // What is read from here on is everything.
    unread += 1;
  });

  const add = createAppender(key, losses);
  /** Reads the next entries. Undefined if those are not all. */
  const readSome = async (client: Redis | Cluster): Promise<LogPosition | undefined> => {
    const [from, covered, countBefore, markBefore] = [known.newest(), unread, losses.count(), losses.present()?.mark];
    const askedMs = performance.now();
    const range = client.xrange(key, from?.id ?? '-', '+', 'COUNT', READ_AT_ONCE);
    // After the range: if Redis refused an entry before that was read, it still refuses, or the writer was told to wait. Redis
    // refuses XTRIM whenever it refuses DEL, since both are writes; XADD needs free memory as well, but `append` does not. It
    // removes nothing that XADD has not removed already, and then Redis passes nothing on to replicas or its append-only file.
    const trimmed = client.xtrim(key, 'MAXLEN', '~', MAX_ENTRIES).then(() => options.onWritable?.(askedMs));
    const [entries]: [Entry[], void] = await Promise.all([range, trimmed]);
    // Not before: in a cluster, another node may have answered than was known until then.
    const server = await losses.findServer(client, key);
    // These may be of another server than what is read now.
    if (losses.count() !== countBefore) return undefined;
    // The range starts with the entry that is already known. If that is missing, later ones may be missing as well.
    if (from !== undefined && !isEntry(entries[0], from)) {
      losses.lose(from.server === server ? from.id : undefined);
      return undefined;
    }
    known.add(entries);
    const newest = known.newest();
    if (entries.length === READ_AT_ONCE && newest?.id !== from?.id) return undefined;
    if (newest?.server === server && losses.areMended(server)) {
      read = Math.max(read, covered);
      return newest.id;
    }
    // The log is empty, or has no entry from this server yet, or none of those that a loss needs. One that was made meanwhile is read
    // next.
    if (losses.present()?.mark === markBefore) await losses.mark(() => add(client, []));
    return undefined;
  };
  const readNew = async (client: Redis | Cluster): Promise<LogPosition> => {
    for (;;) {
      const position = await readSome(client);
      if (position !== undefined) return position;
    }
  };

  return {
    catchUp: oncePerTurn(readNew),
    ownTag,
    async append(client, tags, onSent) {
      try {
        lastAppended = await add(client, tags, onSent);
        return true;
      } catch (error) {
        // When out of memory, Redis refuses to append but still deletes, which invalidates every position.
        if (!(Error.isError(error) && error.message.startsWith('OOM'))) throw error;
        await client.del(key);
        lastAppended = undefined;
        return false;
      } finally {
        // If it has failed, Redis may have accepted it nevertheless.
        unread += 1;
      }
    },
    staleness: (position, tags) => (losses.present() === undefined ? known.staleness(position, tags) : { tag: null }),
    reaches: (position, other) => known.reaches(position, other),
    newest: () => known.newest()?.id,
    lastAppended: () => lastAppended,
    knows: (position) => known.has(position),
    isCaughtUp: () => read === unread,
    losses: () => losses.count(),
    serverOf: runIdOf,
  };
}

/** Creates the function that appends an entry and returns its id, unless Redis gives none. */
function createAppender(key: string, losses: LogLosses) {
  return async (
    client: Redis | Cluster,
    tags: readonly string[],
    onSent?: () => void,
  ): Promise<LogPosition | undefined> => {
    const server = await losses.findServer(client, key);
    const loss = losses.present();
    const text = loss === undefined ? tags.join(' ') : ALL_TAGS;
    const sent = Promise.all([
      client.xadd(key, 'MAXLEN', '~', MAX_ENTRIES, '*', 'tags', text, 'server', server),
      client.expire(key, LIFETIME_SECONDS),
    ]);
    onSent?.();
    const [position] = await sent;
    if (loss !== undefined) loss.mark = position ?? undefined;
    return position ?? undefined;
  };
}

/** Has all calls in one turn of the event loop share one read, and its result. */
function oncePerTurn(read: (client: Redis | Cluster) => Promise<LogPosition>): InvalidationLog['catchUp'] {
  let reading: Promise<LogPosition> | undefined;
  return (client) => {
    // Commands of one turn are sent together (`createTurns`), so a read that was asked for earlier in the turn does not miss anything
    // as long as it was not sent. Commands to a cluster are sent at once.
    if (client instanceof Cluster) return read(client);
    if (reading === undefined) {
      reading = read(client);
      TURNS.beforeWork(() => {
        reading = undefined;
      });
    }
    return reading;
  };
}
