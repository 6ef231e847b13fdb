import type { Random } from '../../src/data/seed/random.ts';

/** An object that a client knows of, with the version that it saw last. */
export interface Thing {
  readonly id: string;
  readonly version: number;
  /** Its customer, as far as that is known. */
  readonly customerId?: string;
}

/** Few enough for writes to collide, and for some to come too late. */
const KEPT = 12;

/**
 * What all clients know: the newest objects of each type. It lags behind the database, as real clients do, which leads to stale
 * versions and ids of deleted objects.
 */
export class Model {
  readonly #things = new Map<string, Map<string, Thing>>();

  /** Records an object, unless a later version of it is known. */
  see(type: string, thing: Thing): void {
    const things = this.#of(type);
    const known = things.get(thing.id);
    if (known !== undefined && known.version > thing.version) return;
    things.set(thing.id, { ...known, ...thing });
    const oldest = things.keys().next().value;
    if (things.size > KEPT && oldest !== undefined) things.delete(oldest);
  }

  /** Forgets an object, but not what belongs to it, so that clients still ask for that. */
  forget(type: string, id: string): void {
    this.#of(type).delete(id);
  }

  /** Any known object of a type; undefined if there is none. */
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
