import { personsOf, type FactModel, type Person, type State } from './fact-model.ts';

export interface Numbered {
  readonly number: string;
  readonly status: string;
}
const byNumber = ([a = '']: readonly string[], [b = '']: readonly string[]): number => (a < b ? -1 : 1);
export const entries = (nodes: readonly Numbered[]) =>
  nodes.map(({ number, status }) => [number, status]).sort(byNumber);
export const pairs = (of: Readonly<Record<string, string>> = {}) => Object.entries(of).sort(byNumber);

/** A customer of an answer, with what was asked for of it. */
export interface Shown {
  readonly externalId: string;
  readonly tags?: readonly string[];
  readonly orders?: { readonly totalCount?: number; readonly nodes: readonly Numbered[] };
  readonly tickets?: { readonly totalCount?: number; readonly nodes: readonly Numbered[] };
  readonly interactions?: { readonly totalCount: number };
  readonly summary?: { readonly orderCount: number; readonly openTicketCount: number };
}

interface Belonging {
  readonly name: string;
  /** Undefined if it was not asked for. */
  readonly seen: (shown: Shown) => unknown;
  readonly of: (person: Person | null) => unknown;
}

/** What belongs to a customer, each in a statement of its own: nothing, for a customer that is missing. */
const BELONGINGS: readonly Belonging[] = [
  { name: 'tags', seen: ({ tags }) => tags, of: (person) => person?.tags ?? [] },
  { name: 'orders', seen: ({ orders }) => orders && entries(orders.nodes), of: (person) => pairs(person?.orders) },
  { name: 'tickets', seen: ({ tickets }) => tickets && entries(tickets.nodes), of: (person) => pairs(person?.tickets) },
  {
    name: 'number of orders',
    seen: ({ orders }) => orders?.totalCount,
    of: (person) => pairs(person?.orders).length,
  },
  {
    name: 'number of tickets',
    seen: ({ tickets }) => tickets?.totalCount,
    of: (person) => pairs(person?.tickets).length,
  },
  {
    name: 'number of contacts',
    seen: ({ interactions }) => interactions?.totalCount,
    of: (person) => person?.contacts ?? 0,
  },
  {
    name: 'orders in the summary',
    seen: ({ summary }) => summary?.orderCount,
    of: (person) => pairs(person?.orders).length,
  },
  {
    name: 'open tickets in the summary',
    seen: ({ summary }) => summary?.openTicketCount,
    of: (person) => pairs(person?.tickets).filter(([, status]) => status === 'OPEN' || status === 'PENDING').length,
  },
];

/**
 * Checks what belongs to a customer of an answer: to the one that is shown, which need not be the one that was asked for if that was
 * merged. Its row and each of these are read by statements of their own, between which a write may come: so they are not those of a
 * customer that it was merged into in between, but nothing, as if it was deleted.
 */
export function checkBelongings(
  model: FactModel,
  what: string,
  {
    shown,
    states,
    isSeen,
  }: { shown: Shown; states: readonly State[]; isSeen: (person: Person | null) => person is Person },
): void {
  const persons = states.map((state) => personsOf(state).find(({ key }) => key === shown.externalId) ?? null);
  const legal = persons.every(isSeen) ? persons : [...persons, null];
  for (const { name, seen, of } of BELONGINGS) {
    const value = seen(shown);
    if (value !== undefined) model.check(`${what}: ${name} of ${shown.externalId}`, value, legal.map(of));
  }
}
