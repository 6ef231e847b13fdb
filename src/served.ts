/** What a client was served counts half as much after this time. */
const HALF_LIFE_MS = 1_000;
/** What somebody has been served in the end who is served all the time: the area under the curve that falls by half. */
const ALL_MS = HALF_LIFE_MS / Math.LN2;
/** A client that was served less than this counts as one that was not. */
const FORGOTTEN_MS = 0.1;

/** Clients that compete with each other. */
interface Kind {
  ms: number;
  clients: number;
}

interface Entry {
  ms: number;
  readonly kind: Kind;
}

/**
 * How long clients have been served lately. What is added counts for more the later it is, instead of less with time for everything that
 * was added before, which would have to be counted again for every question.
 */
export class Served {
  readonly #clients = new Map<string, Entry>();
  readonly #kinds = new Map<string, Kind>();
  #since = performance.now();

  /** Adds the time in which a client was served, which ends now. */
  add(client: string, ms: number, now: number): void {
    if (now - this.#since >= HALF_LIFE_MS) this.#rebase(now);
    const added = ms * this.#weight(now);
    const entry = this.#clients.get(client) ?? this.#create(client);
    entry.ms += added;
    entry.kind.ms += added;
  }

  /** What clients were served, in a unit of its own: to compare them. */
  of(client: string): number {
    return this.#clients.get(client)?.ms ?? 0;
  }

  /** A client's share of the time lately, from 0 to 1. */
  shareOf(client: string, now: number): number {
    return this.of(client) / this.#weight(now) / ALL_MS;
  }

  /** The average share of the clients that are told apart in the same way as this one. */
  averageShare(client: string, now: number): number {
    const kind = this.#kinds.get(kindOf(client));
    return kind === undefined ? 0 : kind.ms / kind.clients / this.#weight(now) / ALL_MS;
  }

  #create(client: string): Entry {
    const name = kindOf(client);
    const kind = this.#kinds.get(name) ?? { ms: 0, clients: 0 };
    this.#kinds.set(name, kind);
    kind.clients += 1;
    const entry = { ms: 0, kind };
    this.#clients.set(client, entry);
    return entry;
  }

  #weight(now: number): number {
    return 2 ** ((now - this.#since) / HALF_LIFE_MS);
  }

  /** Makes what is added now count as much as it is, and forgets clients that no longer matter. */
  #rebase(now: number): void {
    const weight = this.#weight(now);
    this.#since = now;
    this.#kinds.clear();
    for (const [client, { ms }] of this.#clients.entries().toArray()) {
      this.#clients.delete(client);
      const left = ms / weight;
      if (left < FORGOTTEN_MS) continue;
      const entry = this.#create(client);
      entry.ms = left;
      entry.kind.ms += left;
    }
  }
}

/** Callers with names are one kind, networks the other (`clientOf`). A network cannot be compared with one caller. */
const kindOf = (client: string): string => client.slice(0, client.indexOf(' ') + 1);
