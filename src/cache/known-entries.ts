/** The id of the newest log entry that a gateway knew at some moment. */
export type LogPosition = string;

/** The tag that was appended, `ALL_TAGS`, or null if the log does not reach back to the position. */
export interface Staleness {
  readonly tag: string | null;
}

/** Stands for every tag. */
export const ALL_TAGS = '*';

/** How many entries are kept, at least. A response from before the oldest entry counts as stale. */
export const MAX_ENTRIES = 20_000;

/** As Redis gives it. */
export type Entry = readonly [id: string, fields: readonly string[]];

/** What identifies an entry: two servers may give the same id. */
interface EntryName {
  readonly id: LogPosition;
  /** The run id of the server that has accepted it. */
  readonly server: string;
}

/** Whether Redis has given the entry that is meant. */
export const isEntry = (given: Entry | undefined, { id, server }: EntryName): boolean =>
  given !== undefined && given[0] === id && serverOf(given) === server;

const serverOf = ([, [, , , server = '']]: Entry): string => server;

/** Whether a stream has one id after another: each is a time and a number. */
function isAfter(id: LogPosition, other: LogPosition): boolean {
  const [[time = 0, count = 0], [otherTime = 0, otherCount = 0]] = [
    id.split('-').map(Number),
    other.split('-').map(Number),
  ];
  return time > otherTime || (time === otherTime && count > otherCount);
}

/** The newest part of the log of writes, in order, as one gateway has read it: see `createInvalidationLog`. */
export function createKnownEntries(ownTag: string) {
  /** By entry id, a sequence number local to this process. */
  const numbers = new Map<string, number>();
  /** By tag, the number of the newest entry with it. */
  const byTag = new Map<string, number>();
  let number = 0;
  /** The number of the newest entry that invalidates every tag. */
  let floor = 0;
  let newest: EntryName | undefined;
  /** The newest entry with `ALL_TAGS`. */
  let allTags: EntryName | undefined;
  const addOne = (entry: Entry): void => {
    const [id, [, tags = '']] = entry;
    // Concurrent reads may return the same entry.
    if (numbers.has(id)) return;
    const server = serverOf(entry);
    number += 1;
    numbers.set(id, number);
    if (newest !== undefined && newest.server !== server) floor = number;
    newest = { id, server };
    for (const tag of tags.split(' '))
      if (tag === ALL_TAGS || tag === ownTag) {
        floor = number;
        if (tag === ALL_TAGS) allTags = newest;
      } else byTag.set(tag, number);
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
    /** Whether all tags were invalidated by an entry that a server has accepted after another one of its own. */
    hasAllTagsAfter: (id: LogPosition, server: string): boolean =>
      allTags !== undefined && allTags.server === server && isAfter(allTags.id, id),
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
      allTags = undefined;
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
