import type { Random } from '../../src/data/seed/random.ts';
import { idOf } from '../mutations/writing-gateway.ts';
import type { Model } from './model.ts';

/** How many agents there are. */
export const AGENTS = 5;

/** What no other write has; one of them must come to stand in the record of changes. */
export interface Mark {
  readonly text: string;
  /** For a field that holds a time. */
  readonly moment: string;
}

export type Input = Readonly<Record<string, unknown>>;

/** The payload's thing; its members are those of the `selection`. */
export interface Given {
  readonly id: string;
  readonly version?: number;
  /** Whose it is. */
  readonly customer?: { readonly id: string };
}

/** What is known of a write afterwards. */
export interface Afterwards {
  /** What was kept under its key: the id or the row of what it gave. */
  readonly kept: string;
  /** A customer's row and those that it was merged into, one after the other. */
  readonly followed: (row: string) => readonly string[];
}

/** One kind of write that clients make. A new mutation is one more entry of `MUTATIONS`. */
export interface ChaosMutation {
  /** Its name in the schema. */
  readonly name: string;
  /** How often it is made, beside the others. */
  readonly weight: number;
  /** What is selected of the payload: the thing, under the name `given`. */
  readonly selection: string;
  /** Undefined while nothing is known that it could be about. */
  readonly input: (random: Random, model: Model, mark: Mark) => Input | undefined;
  /** What clients learn when it was done; `given` is null where the thing has gone since. */
  readonly learn: (model: Model, given: Given | null, input: Input) => void;
  /** For a write that has no place for a mark: what its entries in the record say instead (`signOf`). */
  readonly recorded?: (input: Input, afterwards: Afterwards) => readonly string[];
  /** It is done as well when another write has done it before: one entry in the record is enough for all of them. */
  readonly isShared?: boolean;
}

/** A member of an input that is given now and then: `...maybe(random, 300, () => ({ status }))`. */
export const maybe = (random: Random, perThousand: number, member: () => Input): Input =>
  random.chance(perThousand) ? member() : {};

/** The version that was seen last, now and then. */
export const maybeVersion = (random: Random, { version }: { readonly version: number }): Input =>
  maybe(random, 300, () => ({ expectedVersion: version }));

export const anyAgent = (random: Random): string => idOf('Agent', random.between(1, AGENTS));

/** What clients learn of a thing that belongs to a customer. */
export const seeOwned =
  (type: 'Order' | 'Ticket'): ChaosMutation['learn'] =>
  (model, given) => {
    if (given === null) return;
    const { id, version = 1, customer } = given;
    model.see(type, { id, version, ...(customer === undefined ? {} : { customerId: customer.id }) });
  };
