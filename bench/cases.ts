/** A request that is sent to every server. */
export interface Case {
  readonly name: CaseName;
  readonly title: string;
  readonly query: string;
  /** The lower bound of `createdAt`, inclusive; undefined for none. */
  readonly from: string | undefined;
  /** The smallest upper bound of `createdAt`. Any later one gives the same rows, so each request can have one of its own. */
  readonly to: string;
}

export type CaseName = 'L' | 'LI' | 'N10' | 'N200';

const LIST = `query List($to: DateTime!) {
  customers(first: 50, filter: { createdAt: { to: $to } }) { nodes { id name email status createdAt } }
}`;

const LIST_WITH_CONDITION = `query List($to: DateTime!, $with: Boolean = true) {
  customers(first: 50, filter: { createdAt: { to: $to } }) { nodes { ...Shown @include(if: $with) } }
}
fragment Shown on Customer { id name email status createdAt }`;

const NESTED = `query Nested($from: DateTime!, $to: DateTime!) {
  customers(first: 20, filter: { createdAt: { from: $from, to: $to } }) {
    nodes { id name orders(first: 10) { nodes { id number status placedAt } } }
  }
}`;

/** The groups of customers for `N10` and `N200`, created in years without other customers. */
export const GROUPS = [
  { name: 'N10', orders: 10, createdAt: '2001-01-01T00:00:00.000Z', to: '2001-06-01T00:00:00.000Z' },
  { name: 'N200', orders: 200, createdAt: '2002-01-01T00:00:00.000Z', to: '2002-06-01T00:00:00.000Z' },
] as const;

/** How many customers a group has: one page. */
export const GROUP_SIZE = 20;

export const CASES: Readonly<Record<CaseName, Case>> = {
  L: { name: 'L', title: 'a list of 50 customers', query: LIST, from: undefined, to: '2100-01-01T00:00:00.000Z' },
  LI: {
    name: 'LI',
    title: 'the list of L, with its fields in a fragment under `@include`',
    query: LIST_WITH_CONDITION,
    from: undefined,
    to: '2100-01-01T00:00:00.000Z',
  },
  N10: nested(0, 10),
  N200: nested(1, 200),
};

function nested(group: 0 | 1, ordersEach: 10 | 200): Case {
  const { name, createdAt, to } = GROUPS[group];
  const title = `${GROUP_SIZE} customers with their 10 newest orders; each customer has ${ordersEach} orders`;
  return { name, title, query: NESTED, from: createdAt, to };
}

/**
 * The body of a request.
 * @param serial a new number for each request that must not be in the cache yet; 0 for the one that is repeated
 */
export function requestBody({ query, from, to }: Case, serial: number): string {
  const bound = new Date(Date.parse(to) + serial).toISOString();
  return JSON.stringify({ query, variables: { from, to: bound } });
}

/** The part of a request that the servers without GraphQL use. */
export interface Bounds {
  readonly from: string | undefined;
  readonly to: string;
}

/** Parses the bounds from a request's body. */
export function boundsOf(body: string): Bounds {
  return (JSON.parse(body) as { readonly variables: Bounds }).variables;
}
