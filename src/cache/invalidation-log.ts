import { Cluster, type Redis } from 'ioredis';

/** The id of the newest entry of the log that a gateway knew at some moment. */
export type Position = string;

/** What writes have made out of date, in one order for every gateway. */
export interface InvalidationLog {
  /** Reads what is new, and gives the position from which that is known. Rejects when Redis does not answer. */
  catchUp(client: Redis | Cluster): Promise<Position>;
  /** Adds tags; whoever catches up after it has resolved knows of them. `ALL_TAGS` stands for every tag there is. */
  append(client: Redis | Cluster, tags: readonly string[]): Promise<void>;
  /** Whether none of the tags was added after the position, as far as is known since the last `catchUp`. */
  holds(position: Position, tags: readonly string[]): boolean;
}

export const ALL_TAGS = '*';

/** How many entries are kept, at least. An answer from before the oldest counts as out of date. */
const MOST_ENTRIES = 20_000;
const READ_AT_ONCE = 1_000;
// It outlives the answers that depend on it.
const LIFETIME_SECONDS = 7 * 24 * 3_600;

type Entry = readonly [id: string, fields: readonly string[]];

/**
 * The log is one stream in Redis. A position counts only while its entry is among those that this gateway has read from
 * the stream as it is now, so a log that was lost, evicted or trimmed makes misses and never old answers. A server that
 * was started again, or took over from another, may have forgotten the newest entries. Each entry has the run id of the
 * server that took it, and one with another than the entry before it counts for every tag. (A cluster tells no run id.)
 */
export function createInvalidationLog({ prefix }: { prefix: string }): InvalidationLog {
  const key = `${prefix}invalidations`;
  const known = createKnownEntries();
  const serverOf = createServerNames();
  let catchingUp: Promise<Position> | undefined;

  const add = async (client: Redis | Cluster, tags: readonly string[]): Promise<void> => {
    const server = await serverOf(client);
    await Promise.all([
      client.xadd(key, 'MAXLEN', '~', MOST_ENTRIES, '*', 'tags', tags.join(' '), 'server', server),
      client.expire(key, LIFETIME_SECONDS),
    ]);
  };
  const readOn = async (client: Redis | Cluster): Promise<Position> => {
    const server = await serverOf(client);
    for (;;) {
      const from = known.newest();
      const entries: Entry[] = await client.xrange(key, from?.id ?? '-', '+', 'COUNT', READ_AT_ONCE);
      // Beginning with the one that is known; without it, entries after it may be missing too.
      if (from !== undefined && entries[0]?.[0] !== from.id) known.forget();
      else known.add(entries);
      const newest = known.newest();
      const isWhole = entries.length < READ_AT_ONCE || newest?.id === from?.id;
      if (newest?.server === server && isWhole) return newest.id;
      // There is none, or none of this server.
      if (entries.length === 0 || (newest !== undefined && isWhole)) await add(client, []);
    }
  };

  return {
    catchUp(client) {
      // What is asked in one turn of the event loop goes out together at its end (`gatherWrites`), so one reading does
      // for all of it. To a cluster it goes out at once.
      if (client instanceof Cluster) return readOn(client);
      if (catchingUp === undefined) {
        catchingUp = readOn(client);
        setImmediate(() => {
          catchingUp = undefined;
        });
      }
      return catchingUp;
    },
    async append(client, tags) {
      try {
        await add(client, tags);
      } catch (error) {
        // Without free memory Redis adds nothing, but deletes: then no position is known any more.
        if (!(error instanceof Error && error.message.startsWith('OOM'))) throw error;
        await client.del(key);
      }
    },
    holds: (position, tags) => known.holds(position, tags),
  };
}

/** The newest part of the stream, in its order. */
function createKnownEntries() {
  /** Numbers in this process, by the entries' ids. */
  const numbers = new Map<string, number>();
  /** The number of the newest entry with each tag. */
  const byTag = new Map<string, number>();
  let number = 0;
  /** Of the newest entry that counts for every tag. */
  let floor = 0;
  let newest: { readonly id: Position; readonly server: string } | undefined;
  const addOne = ([id, [, tags = '', , server = '']]: Entry): void => {
    // Two readings may be under way.
    if (numbers.has(id)) return;
    number += 1;
    numbers.set(id, number);
    if (newest !== undefined && newest.server !== server) floor = number;
    newest = { id, server };
    for (const tag of tags.split(' '))
      if (tag === ALL_TAGS) floor = number;
      else byTag.set(tag, number);
  };
  const prune = (): void => {
    for (const id of numbers.keys()) {
      if (numbers.size <= MOST_ENTRIES) break;
      numbers.delete(id);
    }
    const [oldest = 0] = numbers.values();
    for (const [tag, at] of byTag) if (at < oldest) byTag.delete(tag);
  };
  return {
    newest: () => newest,
    add(entries: readonly Entry[]): void {
      for (const entry of entries) addOne(entry);
      // Now and then: it walks over all of them.
      if (numbers.size > 2 * MOST_ENTRIES) prune();
    },
    forget(): void {
      numbers.clear();
      byTag.clear();
      newest = undefined;
    },
    holds(position: Position, tags: readonly string[]): boolean {
      const at = numbers.get(position);
      return at !== undefined && at >= floor && tags.every((tag) => (byTag.get(tag) ?? 0) <= at);
    },
  };
}

/** Gives the run id of the server at the other end of a client's connection; empty for a cluster. */
function createServerNames(): (client: Redis | Cluster) => Promise<string> {
  let known: { readonly stream: unknown; readonly name: string } | undefined;
  return async (client) => {
    if (client instanceof Cluster) return '';
    const { stream } = client;
    if (known?.stream !== stream) {
      const info = await client.info('server');
      known = { stream, name: /^run_id:(\w+)/m.exec(info)?.[1] ?? '' };
    }
    return known.name;
  };
}
