import type { TestGateway } from './gateway.ts';
import { nodeId } from './seeded.ts';

/** An order of a list, with the column that it sorts by. */
export interface ListOrder {
  /** The value of `orderBy.field`; undefined for the one order of a list without `orderBy`. */
  readonly field: string | undefined;
  readonly column: string;
  readonly direction: 'ASC' | 'DESC';
}

/** A connection field: where it is, and which rows it lists. */
export interface List {
  /** Such as `Customer.orders`. */
  readonly name: string;
  readonly field: string;
  readonly table: string;
  /** The type that the field is on, with the column that points to it; undefined for a field of Query. */
  readonly parent: { readonly type: string; readonly column: string } | undefined;
  /** The type of a row. */
  readonly type: string;
  readonly orders: readonly ListOrder[];
  /** The GraphQL type of each variable, except the page's. */
  readonly variables: Readonly<Record<string, string>>;
}

/** The contents of a page. */
export interface ListPage {
  readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[];
  readonly nodes: readonly { readonly id: string }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  readonly totalCount: number;
}

const bothWays = (columns: Readonly<Record<string, string>>): ListOrder[] =>
  Object.entries(columns).flatMap(([field, column]) => [
    { field, column, direction: 'ASC' as const },
    { field, column, direction: 'DESC' as const },
  ]);

const only = (column: string, direction: 'ASC' | 'DESC'): ListOrder[] => [{ field: undefined, column, direction }];

const KINDS = {
  Customer: {
    table: 'customers',
    orders: bothWays({ CREATED_AT: 'created_at', UPDATED_AT: 'updated_at', NAME: 'name' }),
    variables: { filter: 'CustomerFilter', orderBy: 'CustomerOrder' },
  },
  Order: {
    table: 'orders',
    orders: bothWays({ PLACED_AT: 'placed_at', UPDATED_AT: 'updated_at' }),
    variables: { filter: 'OrderFilter', orderBy: 'OrderOrder' },
  },
  Ticket: {
    table: 'tickets',
    orders: bothWays({ OPENED_AT: 'opened_at', UPDATED_AT: 'updated_at', CLOSED_AT: 'closed_at' }),
    variables: { filter: 'TicketFilter', orderBy: 'TicketOrder' },
  },
  Agent: { table: 'agents', orders: only('name', 'ASC'), variables: {} },
  Product: { table: 'products', orders: only('name', 'ASC'), variables: {} },
  Interaction: { table: 'interactions', orders: only('occurred_at', 'DESC'), variables: {} },
  Change: { table: 'customer_changes', orders: only('occurred_at', 'DESC'), variables: {} },
} as const;

const list = (name: string, type: keyof typeof KINDS, column?: string): List => ({
  name,
  field: name.slice(name.indexOf('.') + 1),
  type,
  parent: column === undefined ? undefined : { type: name.slice(0, name.indexOf('.')), column },
  ...KINDS[type],
});

/** Every list of the schema except `searchCustomers`, which has a different order for each kind of text. */
export const LISTS: readonly List[] = [
  list('Query.customers', 'Customer'),
  list('Query.orders', 'Order'),
  list('Query.tickets', 'Ticket'),
  list('Query.agents', 'Agent'),
  list('Query.products', 'Product'),
  list('Agent.customers', 'Customer', 'owner_id'),
  list('Agent.tickets', 'Ticket', 'assignee_id'),
  list('Customer.orders', 'Order', 'customer_id'),
  list('Customer.tickets', 'Ticket', 'customer_id'),
  { ...list('Customer.interactions', 'Interaction', 'customer_id'), variables: { kind: 'InteractionKind' } },
  list('Customer.changes', 'Change', 'customer_id'),
  list('Ticket.interactions', 'Interaction', 'ticket_id'),
];

export function listNamed(name: string): List {
  const found = LISTS.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no list ${name}`);
  return found;
}

const PAGE_VARIABLES = { first: 'Int', after: 'String', last: 'Int', before: 'String' };

/** A document with a `selection` on a list: a field of Query, or of each parent in `$ids`. */
export function listDocument({ field, parent, variables }: List, selection: string): string {
  const all = { ...PAGE_VARIABLES, ...variables };
  const declared = Object.entries(all).map(([name, type]) => `$${name}: ${type}`);
  const given = Object.keys(all).map((name) => `${name}: $${name}`);
  const page = `${field}(${given.join(', ')}) { ${selection} }`;
  if (parent === undefined) return `query List(${declared.join(', ')}) { ${page} }`;
  return `query List($ids: [ID!]!, ${declared.join(', ')}) { nodes(ids: $ids) { ... on ${parent.type} { ${page} } } }`;
}

/** The variables for a list of parents (row ids), in an order. */
export function listVariables(
  { parent }: List,
  { parents = [], order, ...rest }: { parents?: readonly number[]; order?: ListOrder } & Record<string, unknown>,
): Record<string, unknown> {
  return {
    ...rest,
    ...(parent === undefined ? {} : { ids: parents.map((id) => nodeId(parent.type, id)) }),
    ...(order?.field === undefined ? {} : { orderBy: { field: order.field, direction: order.direction } }),
  };
}

/** The pages of a list: one, or one per parent in the given order. */
export async function askList(
  gateway: TestGateway,
  asked: List,
  given: { selection: string; parents?: readonly number[]; order?: ListOrder } & Record<string, unknown>,
): Promise<ListPage[]> {
  const { selection, ...rest } = given;
  const data = await gateway.data(listDocument(asked, selection), listVariables(asked, rest));
  return asked.parent === undefined
    ? [data[asked.field]]
    : data.nodes.map((node: Record<string, ListPage>) => node[asked.field]);
}
