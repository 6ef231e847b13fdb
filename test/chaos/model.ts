import type { Random } from '../../src/data/seed/random.ts';

/** Something that a client knows to be there, with the version that it saw last. */
export interface Thing {
  readonly id: string;
  readonly version: number;
  /** Whose it is, as far as that is known. */
  readonly customerId?: string;
}

/** So few that writes meet, and some come too late. */
const KEPT = 12;

/**
 * What the clients know between them: the newest things of each type. It is behind what the database holds, as clients
 * are: that is what makes stale versions and ids of what is gone.
 */
export class Model {
  readonly #things = new Map<string, Map<string, Thing>>();

  /** Takes note of a thing, unless a later version of it is known. */
  see(type: string, thing: Thing): void {
    const things = this.#of(type);
    const known = things.get(thing.id);
    if (known !== undefined && known.version > thing.version) return;
    things.set(thing.id, { ...known, ...thing });
    const oldest = things.keys().next().value;
    if (things.size > KEPT && oldest !== undefined) things.delete(oldest);
  }

  /** What belongs to it is still known, so that clients ask for it. */
  forget(type: string, id: string): void {
    this.#of(type).delete(id);
  }

  /** Any of a type that is known; undefined while there is none. */
  pick(type: string, random: Random): Thing | undefined {
    const things = [...this.#of(type).values()];
    return things.length === 0 ? undefined : random.pick(things);
  }

  #of(type: string): Map<string, Thing> {
    const things = this.#things.get(type) ?? new Map<string, Thing>();
    this.#things.set(type, things);
    return things;
  }
}
