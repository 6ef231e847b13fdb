import type { Random } from '../../src/data/seed/random.ts';
import { idOf } from '../mutations/writing-gateway.ts';
import type { Model } from './model.ts';

/** How many agents exist. */
export const AGENTS = 5;

/** Unique to a write; one of the two must appear in the record of changes. */
export interface Mark {
  readonly text: string;
  /** For a field that holds a time. */
  readonly moment: string;
}

export type Input = Readonly<Record<string, unknown>>;

/** The object in the payload, with the members of the `selection`. */
export interface Given {
  readonly id: string;
  readonly version?: number;
  /** Its customer. */
  readonly customer?: { readonly id: string };
}

/** What is known about a write afterwards. */
export interface Afterwards {
  /** The outcome stored under its key: the id or row that it returned. */
  readonly kept: string;
  /** A customer's row, followed by those that it was merged into, in order. */
  readonly followed: (row: string) => readonly string[];
}

/** A kind of write that clients make. For a new mutation, add an entry to `MUTATIONS`. */
export interface ChaosMutation {
  /** Its name in the schema. */
  readonly name: string;
  /** How often it is made, relative to the others. */
  readonly weight: number;
  /** What to select of the payload: the object, under the alias `given`. */
  readonly selection: string;
  /** Undefined while no suitable object is known. */
  readonly input: (random: Random, model: Model, mark: Mark) => Input | undefined;
  /** What clients learn once it is done; `given` is null if the object has been deleted since. */
  readonly learn: (model: Model, given: Given | null, input: Input) => void;
  /** For a write that has no place for a mark: what its entries in the record contain instead (`signOf`). */
  readonly recorded?: (input: Input, afterwards: Afterwards) => readonly string[];
  /** Whether it also succeeds if another write has already done it: one entry in the record is enough for all of them. */
  readonly isShared?: boolean;
}

/** An input member that is occasionally given: `...maybe(random, 300, () => ({ status }))`. */
export const maybe = (random: Random, perThousand: number, member: () => Input): Input =>
  random.chance(perThousand) ? member() : {};

/** Occasionally, the version that was seen last. */
export const maybeVersion = (random: Random, { version }: { readonly version: number }): Input =>
  maybe(random, 300, () => ({ expectedVersion: version }));

export const anyAgent = (random: Random): string => idOf('Agent', random.between(1, AGENTS));

/** What clients learn about an object that belongs to a customer. */
export const seeOwned =
  (type: 'Order' | 'Ticket'): ChaosMutation['learn'] =>
  (model, given) => {
    if (given === null) return;
    const { id, version = 1, customer } = given;
    model.see(type, { id, version, ...(customer === undefined ? {} : { customerId: customer.id }) });
  };
