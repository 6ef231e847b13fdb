import type { Random } from '../../src/data/seed/random.ts';
import type { Ask } from './cache-model.ts';

/** A customer as the model has it. Keys and numbers are chosen by whoever writes, so that they are known before the answer. */
export interface Person {
  readonly key: string;
  readonly name: string;
  readonly status: 'INACTIVE' | 'CHURNED';
  readonly owner: number;
  readonly email: string;
  readonly tags: readonly string[];
  /** By number, the state. */
  readonly orders: Readonly<Record<string, string>>;
  readonly tickets: Readonly<Record<string, string>>;
  readonly contacts: number;
}

/** A customer, which may be missing, and at times a second one, which is merged into it. */
export interface State {
  readonly main: Person | null;
  readonly twin: Person | null;
  /** The keys of those that were merged into it. */
  readonly merged: readonly string[];
}

/** All states of one place, which has one writer at any time. */
export interface Place {
  readonly place: number;
  readonly states: State[];
  /** The index of the last state that was answered. */
  answered: number;
  /** The ids that answers have told, by key. */
  readonly ids: Map<string, string>;
  /** The other way round. */
  readonly keys: Map<string, string>;
  /** The number in the id of the customer that was created last. */
  newest: number;
  /** How many customers there have been, which their keys count. */
  mains: number;
  twins: number;
}

export const mainKey = (place: number, number: number): string => `main-${place}-${number}`;
export const twinKey = (place: number, number: number): string => `twin-${place}-${number}`;

/** The states that were legal between a request and its answer, by place. */
export type Legal = ReadonlyMap<number, readonly State[]>;

export const EMPTY: State = { main: null, twin: null, merged: [] };

/** The place that a key or number is of; undefined for what the model has not written. */
export const placeOf = (key: string | null): number | undefined => {
  const place = /^(?:main|twin|order|ticket)-(\d+)-/.exec(key ?? '')?.[1];
  return place === undefined ? undefined : Number(place);
};

/** Who has a key: a customer that was merged is found as the one that was kept. */
export const personAt = ({ main, twin, merged }: State, key: string): Person | null =>
  [main, twin].find((person) => person?.key === key) ?? (merged.includes(key) ? main : null);

export const personsOf = ({ main, twin }: State): Person[] => [main, twin].filter((person) => person !== null);

const text = (value: unknown): string => JSON.stringify(value);

/**
 * Places with a history of states. A fact is legal if it was so in any state between the last one that was answered before the request
 * and the last one that was written before the answer: facts of one answer may be of different moments, unless they are of one row.
 */
export function createFactModel(count: number) {
  const places: Place[] = Array.from({ length: count }, (_, place) => ({
    place,
    states: [EMPTY],
    answered: 0,
    ids: new Map(),
    keys: new Map(),
    newest: 0,
    mains: 0,
    twins: 0,
  }));
  const illegal: string[] = [];
  let reads = 0;
  let facts = 0;
  return {
    places,
    placeAt(place: number): Place {
      const found = places[place];
      if (found === undefined) throw new RangeError(`expected a place below ${count}, got ${place}`);
      return found;
    },
    illegal,
    reads: (): number => reads,
    /** How many facts were compared. */
    facts: (): number => facts,
    /** To be called before a request; what it returns, after the answer. */
    begin(): () => Legal {
      reads += 1;
      const from = places.map(({ answered }) => answered);
      return () => new Map(places.map(({ place, states }) => [place, states.slice(from[place])]));
    },
    /** Notes a fact unless one of the states has it. */
    check(what: string, seen: unknown, expected: readonly unknown[]): void {
      facts += 1;
      const all = new Set(expected.map(text));
      if (!all.has(text(seen))) illegal.push(`${what} is ${text(seen)}, not ${[...all].join(' or ')}`);
    },
    checkCount(what: string, seen: number, { legal, of }: { legal: Legal; of: (state: State) => number }): void {
      facts += 1;
      const counts = [...legal.values()].map((states) => states.map(of));
      const sum = (one: (...all: number[]) => number) => counts.reduce((total, each) => total + one(...each), 0);
      const [least, most] = [sum(Math.min), sum(Math.max)];
      if (!(seen >= least && seen <= most)) illegal.push(`${what} is ${seen}, not ${least} to ${most}`);
    },
  };
}

export type FactModel = ReturnType<typeof createFactModel>;

/** Who asks. */
export interface Profile {
  readonly name: string;
  readonly seesPersonalData: boolean;
  /** The agent whose customers are all that it sees; undefined if it sees all. */
  readonly owner?: number;
  readonly headers: Readonly<Record<string, string>>;
}

export const isSeen = ({ owner }: Profile, person: Person | null): person is Person =>
  person !== null && (owner === undefined || person.owner === owner);

export interface Reading {
  readonly model: FactModel;
  readonly ask: Ask;
  readonly random: Random;
  readonly profile: Profile;
}
