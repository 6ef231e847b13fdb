import { globalId } from '../../src/crm/global-id.ts';
import { LARGEST_CUSTOMER, type Samples } from './database.ts';

/** Something that clients ask, in the same way at each size. */
export interface Question {
  readonly name: string;
  /** What it may read and how long it may take: see `FOUND` in growth.ts. */
  readonly kind: 'look-up' | 'page' | 'count' | 'search' | 'common search';
  readonly query: string;
  /** Of the i-th request. */
  readonly variables?: (i: number, samples: Samples) => Readonly<Record<string, unknown>>;
  /**
   * For a page from the middle of a list: gives the page info of one of its pages. `$middle` in the query is then the cursor in the
   * middle.
   */
  readonly walk?: { readonly query: string; readonly entries: (customers: number) => number };
}

const nth = <Row>(rows: readonly Row[], i: number): Row => {
  const row = rows[i % rows.length];
  if (row === undefined) throw new RangeError('expected sample rows, got none');
  return row;
};
const customer = (i: number, { customers }: Samples) => nth(customers, i);
const known = (i: number, { customers }: Samples, field: 'email' | 'phone') =>
  nth(
    customers.filter((row) => row[field] !== null),
    i,
  )[field];

const CUSTOMER = 'id name email phone status createdAt';
const ORDER = 'id number status placedAt total { amount currency }';
const TICKET = 'id subject status priority openedAt';
const LARGEST = globalId('Customer', String(LARGEST_CUSTOMER));

/** A list's first page, last page, and pages from its middle on and before it. */
function pagesOf(name: string, list: ListQuery): Question[] {
  const { field, args = '', fields, around = (text: string) => text, entries } = list;
  const page = (slice: string, variables = ''): string =>
    `query Page${variables} { ${around(`${field}(${slice} ${args}) { nodes { ${fields} } pageInfo { hasNextPage hasPreviousPage } }`)} }`;
  const walk = {
    query: `query Walk($size: Int!, $middle: String) { ${around(`${field}(first: $size, after: $middle ${args}) { pageInfo { endCursor } }`)} }`,
    entries,
  };
  return [
    { name: `${name}, the first 50`, kind: 'page', query: page('first: 50') },
    { name: `${name}, the last 50`, kind: 'page', query: page('last: 50') },
    {
      name: `${name}, 50 after the middle`,
      kind: 'page',
      query: page('first: 50, after: $middle', '($middle: String)'),
      walk,
    },
    {
      name: `${name}, 50 before the middle`,
      kind: 'page',
      query: page('last: 50, before: $middle', '($middle: String)'),
      walk,
    },
  ];
}

interface ListQuery {
  readonly field: string;
  readonly args?: string;
  readonly fields: string;
  readonly around?: (list: string) => string;
  /** How many are before the middle. */
  readonly entries: (customers: number) => number;
}

const LOOK_UPS: readonly Question[] = [
  {
    name: 'a customer by id',
    kind: 'look-up',
    query: `query One($id: ID!) { customer(by: { id: $id }) { ${CUSTOMER} } }`,
    variables: (i, samples) => ({ id: globalId('Customer', String(customer(i, samples).id)) }),
  },
  {
    name: 'a customer by email',
    kind: 'look-up',
    query: `query One($email: EmailAddress!) { customer(by: { email: $email }) { ${CUSTOMER} } }`,
    variables: (i, samples) => ({ email: known(i, samples, 'email') }),
  },
  {
    name: 'an order by number, with its customer',
    kind: 'look-up',
    query: `query One($number: String!) { order(by: { number: $number }) { ${ORDER} customer { ${CUSTOMER} } } }`,
    variables: (i, { orders }) => ({ number: nth(orders, i).number }),
  },
  {
    name: 'a ticket by id, with its customer',
    kind: 'look-up',
    query: `query One($id: ID!) { ticket(by: { id: $id }) { ${TICKET} customer { ${CUSTOMER} } } }`,
    variables: (i, { tickets }) => ({ id: globalId('Ticket', String(nth(tickets, i).id)) }),
  },
  {
    name: '50 nodes by id',
    kind: 'look-up',
    query: `query Many($ids: [ID!]!) { nodes(ids: $ids) { id ... on Customer { ${CUSTOMER} } } }`,
    variables: (i, samples) => ({
      ids: Array.from({ length: 50 }, (_, k) => globalId('Customer', String(customer(i + 7 * k, samples).id))),
    }),
  },
];

const PAGES: readonly Question[] = [
  ...pagesOf('customers, newest first', {
    field: 'customers',
    fields: CUSTOMER,
    entries: (customers) => customers / 2,
  }),
  ...pagesOf('customers by name', {
    field: 'customers',
    args: 'orderBy: { field: NAME }',
    fields: CUSTOMER,
    entries: (customers) => customers / 2,
  }),
  ...pagesOf('active customers', {
    field: 'customers',
    args: 'filter: { status: [ACTIVE] }',
    fields: CUSTOMER,
    entries: (customers) => customers / 4,
  }),
  ...pagesOf('orders, newest first', { field: 'orders', fields: ORDER, entries: (customers) => customers * 5 }),
  ...pagesOf('open tickets', {
    field: 'tickets',
    args: 'filter: { status: [OPEN] }',
    fields: TICKET,
    entries: (customers) => customers / 100,
  }),
  ...pagesOf('orders of the customer with the most', {
    field: 'orders',
    fields: ORDER,
    around: (list) => `customer(by: { id: "${LARGEST}" }) { ${list} }`,
    entries: (customers) => customers / 2,
  }),
  {
    name: '20 customers with their 10 newest orders',
    kind: 'page',
    query: `{ customers(first: 20) { nodes { ${CUSTOMER} orders(first: 10) { nodes { ${ORDER} } } } } }`,
  },
  {
    name: "an agent's 50 newest customers",
    kind: 'page',
    query: `query Of($id: ID!) { node(id: $id) { ... on Agent { customers(first: 50) { nodes { ${CUSTOMER} } } } } }`,
    variables: (i, { agents }) => ({ id: globalId('Agent', String(nth(agents, i).id)) }),
  },
  {
    name: '50 customers with a common tag',
    kind: 'page',
    query: `{ customers(first: 50, filter: { tag: "newsletter" }) { nodes { ${CUSTOMER} } } }`,
  },
];

const COUNTS: readonly Question[] = [
  { name: 'how many customers', kind: 'count', query: '{ customers { totalCount totalCountIsExact } }' },
  {
    name: 'how many delivered orders',
    kind: 'count',
    query: '{ orders(filter: { status: [DELIVERED] }) { totalCount } }',
  },
  {
    name: 'how many orders of the customer with the most',
    kind: 'count',
    query: `{ customer(by: { id: "${LARGEST}" }) { orders { totalCount } } }`,
  },
];

const SEARCH = `query Search($text: String!) { searchCustomers(text: $text, first: 20) { nodes { ${CUSTOMER} } } }`;
const search = (name: string, kind: Question['kind'], text: (i: number, samples: Samples) => string): Question => ({
  name: `search: ${name}`,
  kind,
  query: SEARCH,
  variables: (i, samples) => ({ text: text(i, samples) }),
});

const SEARCHES: readonly Question[] = [
  search('a whole name', 'search', (i, samples) => customer(i, samples).name),
  search('the words of a name the other way round', 'search', (i, samples) =>
    customer(i, samples).name.split(' ').toReversed().join(' '),
  ),
  search('the start of an email address', 'search', (i, samples) => {
    const [local = '', domain = ''] = known(i, samples, 'email').split('@');
    return `${local}@${domain.slice(0, 2)}`;
  }),
  search('the last seven digits of a telephone number', 'search', (i, samples) => known(i, samples, 'phone').slice(-7)),
  search('the last three letters of a name', 'common search', (i, samples) =>
    [...customer(i, samples).name].slice(-3).join(''),
  ),
  search('two letters', 'common search', (i, samples) => [...customer(i, samples).name].slice(0, 2).join('')),
  search('one letter', 'common search', (i, samples) => [...customer(i, samples).name][0] ?? ''),
];

export const QUESTIONS: readonly Question[] = [...LOOK_UPS, ...PAGES, ...COUNTS, ...SEARCHES];
