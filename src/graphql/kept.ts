/** Something that is kept, and what it weighs. */
export interface Entry {
  /** Its weight until now. */
  readonly bytes: number;
  /** Adds to its weight: what is kept may grow while it is used. */
  grow(bytes: number): void;
}

/** Values of one kind, by key. */
export interface Table<Value> {
  /** The value of a key, which thereby becomes the most recently used. */
  get(key: string): Value | undefined;
  /**
   * Keeps what `make` returns, unless it is too heavy or its owner is not kept any more. What `make` throws, it throws.
   * @param make is given the entry, to add its weight to
   * @param owner what the value refers to, so that this would stay in memory without being counted
   */
  add(key: string, make: (entry: Entry) => Value, owner?: Entry): Value;
}

/** Everything that is kept about requests, in tables with one bound. */
export interface Kept {
  table<Value>(): Table<Value>;
  /** The weight of all entries. */
  bytes(): number;
}

/** What an entry takes besides the characters of its key and what it holds. */
const ENTRY_BYTES = 250;

/**
 * Creates an empty store. The least recently used entries are dropped when all of them together weigh more than `maxBytes`. An
 * entry is never more recent than its owner, so an owner goes last, and takes nothing with it.
 */
export function createKept(maxBytes: number): Kept {
  const list = new RecencyList(maxBytes);
  return { table: () => new KeptTable(list), bytes: () => list.bytes };
}

class KeptTable<Value> implements Table<Value> {
  readonly #list: RecencyList;
  readonly #entries = new Map<string, { readonly link: Link; readonly value: Value }>();

  constructor(list: RecencyList) {
    this.#list = list;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#list.touch(entry.link);
    return entry.value;
  }

  add(key: string, make: (entry: Entry) => Value, owner?: Entry): Value {
    const link = new Link(this.#list, owner as Link | undefined, () => this.#entries.delete(key));
    link.grow(textBytes(key));
    const value = make(link);
    if (link.owner?.isKept === false) return value;
    this.#entries.set(key, { link, value });
    this.#list.insert(link);
    return value;
  }
}

/** An entry's place in the order of use. */
class Link implements Entry {
  readonly #list: RecencyList;
  readonly owner: Link | undefined;
  readonly drop: () => void;
  bytes = ENTRY_BYTES;
  isKept = false;
  newer: Link | undefined;
  older: Link | undefined;

  constructor(list: RecencyList, owner: Link | undefined, drop: () => void) {
    this.#list = list;
    this.owner = owner;
    this.drop = drop;
  }

  grow(bytes: number): void {
    this.bytes += bytes;
    if (this.isKept) this.#list.added(bytes);
  }
}

/** A doubly linked list, so that a hit costs a few assignments. */
class RecencyList {
  readonly #maxBytes: number;
  #newest: Link | undefined;
  #oldest: Link | undefined;
  bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  insert(link: Link): void {
    link.isKept = true;
    this.#append(link);
    if (link.owner !== undefined) this.touch(link.owner);
    this.added(link.bytes);
  }

  /** Makes an entry the most recent one, and then its owner. */
  touch(link: Link): void {
    if (link !== this.#newest) {
      this.#unlink(link);
      this.#append(link);
    }
    if (link.owner !== undefined) this.touch(link.owner);
  }

  added(bytes: number): void {
    this.bytes += bytes;
    while (this.bytes > this.#maxBytes && this.#oldest !== undefined) {
      const dropped = this.#oldest;
      this.#unlink(dropped);
      dropped.isKept = false;
      this.bytes -= dropped.bytes;
      dropped.drop();
    }
  }

  #append(link: Link): void {
    link.older = this.#newest;
    link.newer = undefined;
    if (this.#newest === undefined) this.#oldest = link;
    else this.#newest.newer = link;
    this.#newest = link;
  }

  #unlink(link: Link): void {
    const { newer, older } = link;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    // A dropped entry may still be in use, and must not hold the others.
    link.newer = undefined;
    link.older = undefined;
  }
}

// A string of V8 has one byte for each character if it can.
const WIDE = /[\u0100-\uFFFF]/;

/** How many bytes the characters of a text take. */
export const textBytes = (text: string): number => text.length * (WIDE.test(text) ? 2 : 1);
