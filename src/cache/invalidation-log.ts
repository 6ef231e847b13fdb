import { randomUUID } from 'node:crypto';
import { Cluster, type Redis } from 'ioredis';
import { TURNS } from '../turns.ts';
import { createRunIds, type RunIdOf } from './run-ids.ts';

/** The id of the newest log entry that a gateway knew at some moment. */
export type LogPosition = string;

/** The tags that writes have invalidated, in the same order for every gateway. */
export interface InvalidationLog {
  /** Reads new entries and returns the position reached. Rejects when Redis does not respond, or would refuse to append. */
  catchUp(client: Redis | Cluster): Promise<LogPosition>;
  /** Changes nothing, and rejects when Redis does not respond, or would refuse to append. */
  assertWritable(client: Redis | Cluster): Promise<void>;
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
  readonly serverOf: RunIdOf;
}

/** The tag that was appended, `ALL_TAGS`, or null if the log does not reach back to the position. */
export interface Staleness {
  readonly tag: string | null;
}

export const ALL_TAGS = '*';

/** How many entries are kept, at least. A response from before the oldest entry counts as stale. */
const MAX_ENTRIES = 20_000;
const READ_AT_ONCE = 1_000;
// Longer than the lifetime of any cached response, whose validity depends on the log.
const LIFETIME_SECONDS = 7 * 24 * 3_600;

type Entry = readonly [id: string, fields: readonly string[]];

/**
 * The log is a Redis stream. A position is valid only while its entry is among those that this gateway has read from the present
 * stream, so a log that was lost, evicted or trimmed causes cache misses but never stale responses. After a restart or failover,
 * Redis may have lost the newest entries. So each entry has the run id of the server that accepted it, and an entry whose run id
 * differs from the previous one invalidates every tag.
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

  const add = async (
    client: Redis | Cluster,
    tags: readonly string[],
    onSent?: () => void,
  ): Promise<LogPosition | undefined> => {
    const server = await runIdOf(client, key);
    const sent = Promise.all([
      client.xadd(key, 'MAXLEN', '~', MAX_ENTRIES, '*', 'tags', tags.join(' '), 'server', server),
      client.expire(key, LIFETIME_SECONDS),
    ]);
    onSent?.();
    const [position] = await sent;
    return position ?? undefined;
  };
  // Redis refuses this whenever it refuses DEL, since both are writes; XADD needs free memory as well, but `append` does not. It
  // removes nothing that XADD has not removed already, and then Redis passes nothing on to replicas or its append-only file.
  const assertWritable = async (client: Redis | Cluster): Promise<void> => {
    const askedMs = performance.now();
    await client.xtrim(key, 'MAXLEN', '~', MAX_ENTRIES);
    options.onWritable?.(askedMs);
  };
  const readNew = async (client: Redis | Cluster): Promise<LogPosition> => {
    let covered = unread;
    for (;;) {
      const from = known.newest();
      const range = client.xrange(key, from?.id ?? '-', '+', 'COUNT', READ_AT_ONCE);
      // After the range: if Redis refused an entry before that was read, it still refuses, or the writer was told to wait.
      const [entries]: [Entry[], void] = await Promise.all([range, assertWritable(client)]);
      // The range starts with the entry that is already known. If that is missing, later ones may be missing as well.
      if (from !== undefined && entries[0]?.[0] !== from.id) {
        known.forget();
        // From here, this reads everything.
        covered = unread += 1;
      } else known.add(entries);
      // Not before: in a cluster, another node may have answered than was known until then.
      const server = await runIdOf(client, key);
      const newest = known.newest();
      const isWhole = entries.length < READ_AT_ONCE || newest?.id === from?.id;
      if (newest?.server === server && isWhole) {
        read = Math.max(read, covered);
        return newest.id;
      }
      // The log is empty, or has no entry from this server yet.
      if (entries.length === 0 || (newest !== undefined && isWhole)) await add(client, []);
    }
  };

  return {
    catchUp: oncePerTurn(readNew),
    assertWritable,
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
    staleness: (position, tags) => known.staleness(position, tags),
    reaches: (position, other) => known.reaches(position, other),
    newest: () => known.newest()?.id,
    lastAppended: () => lastAppended,
    knows: (position) => known.has(position),
    isCaughtUp: () => read === unread,
    serverOf: runIdOf,
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

/** The newest part of the stream, in order. */
function createKnownEntries(ownTag: string) {
  /** By entry id, a sequence number local to this process. */
  const numbers = new Map<string, number>();
  /** By tag, the number of the newest entry with it. */
  const byTag = new Map<string, number>();
  let number = 0;
  /** The number of the newest entry that invalidates every tag. */
  let floor = 0;
  let newest: { readonly id: LogPosition; readonly server: string } | undefined;
  const addOne = ([id, [, tags = '', , server = '']]: Entry): void => {
    // Concurrent reads may return the same entry.
    if (numbers.has(id)) return;
    number += 1;
    numbers.set(id, number);
    if (newest !== undefined && newest.server !== server) floor = number;
    newest = { id, server };
    for (const tag of tags.split(' '))
      if (tag === ALL_TAGS || tag === ownTag) floor = number;
      else byTag.set(tag, number);
  };
  const prune = (): void => {
    for (const id of numbers.keys()) {
      if (numbers.size <= MAX_ENTRIES) break;
      numbers.delete(id);
    }
    const [oldest = 0] = numbers.values();
    for (const [tag, at] of byTag) if (at < oldest) byTag.delete(tag);
  };
  return {
    newest: () => newest,
    has: (id: LogPosition) => numbers.has(id),
    reaches: (id: LogPosition, other: LogPosition): boolean =>
      (numbers.get(id) ?? -1) >= (numbers.get(other) ?? Number.POSITIVE_INFINITY),
    add(entries: readonly Entry[]): void {
      for (const entry of entries) addOne(entry);
      // Only occasionally, since pruning walks over all tags.
      if (numbers.size > 2 * MAX_ENTRIES) prune();
    },
    forget(): void {
      numbers.clear();
      byTag.clear();
      newest = undefined;
    },
    staleness(position: LogPosition, tags: () => readonly string[]): Staleness | undefined {
      const at = numbers.get(position);
      if (at === undefined) return { tag: null };
      if (at < floor) return { tag: ALL_TAGS };
      const tag = at === number ? undefined : tags().find((each) => (byTag.get(each) ?? 0) > at);
      return tag === undefined ? undefined : { tag };
    },
  };
}
