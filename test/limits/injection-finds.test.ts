import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { nodeId, startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';
import { HOSTILE_EMAILS, HOSTILE_TEXTS } from './hostile-texts.ts';

/** As rows have them: without white space at the end. */
const STORED = HOSTILE_TEXTS.map((text) => text.trim());
/** What no row has, though each would be found if it were part of a statement, or of a pattern. */
const ABSENT = ["' OR '1'='1", "x' OR name LIKE '%", "\\' OR 1=1 #", '%%', '__', "'='", "nothing' UNION SELECT 1 -- "];
/** The rows that each text is in begin here, beyond the seeded customers. */
const SEEDED = 20;

interface Found {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
}

const CREATE = `mutation($customer: CreateCustomerInput!) {
  createCustomer(input: $customer) { customer { id } userErrors { code path } } }`;
const OPEN = `mutation($ticket: OpenTicketInput!, $order: CreateOrderInput!) {
  openTicket(input: $ticket) { userErrors { code path } }
  createOrder(input: $order) { userErrors { code path } } }`;

/** Writes a customer, a ticket and an order with each text, and gives it to a product. */
async function write(gateway: SeededGateway): Promise<void> {
  const customerId = nodeId('Customer', 1);
  for (const [i, text] of STORED.entries()) {
    const email = HOSTILE_EMAILS[i];
    const customer = { name: text, company: text, externalId: text, tags: [text], ...(email && { email }) };
    const { createCustomer } = await gateway.data(CREATE, { customer });
    expect([text, createCustomer.userErrors]).toEqual([text, []]);
    const items = [{ product: { id: nodeId('Product', 1) }, quantity: 1 }];
    const ticket = { customerId, number: text, subject: text };
    const wrote = await gateway.data(OPEN, { ticket, order: { customerId, number: text, currency: 'EUR', items } });
    expect(wrote).toEqual({ openTicket: { userErrors: [] }, createOrder: { userErrors: [] } });
  }
  await withConnection(gateway.databaseUrl, async (connection) => {
    for (const [i, text] of STORED.entries())
      await connection.query('UPDATE products SET sku = ? WHERE id = ?', [text, i + 2]);
  });
}

const beginsWith = (name: string, text: string): boolean =>
  // The collation pads texts with spaces.
  `${name}    `.toLowerCase().startsWith(text.toLowerCase());

describe.each([
  ['prepared', {}],
  ['with their values written into them', { LIMIT_PREPARED_STATEMENTS: '0' }],
])('statements that are %s find by a text exactly what has it', (_, settings) => {
  let gateway: SeededGateway;
  let all: readonly Found[];
  beforeAll(async () => {
    gateway = await startSeededGateway(SEEDED, settings);
    await write(gateway);
    const { customers } = await gateway.data('{ customers(first: 100) { nodes { id name tags } } }');
    all = customers.nodes;
  });
  afterAll(() => gateway.close());

  const found = async (filter: object, field: string): Promise<string[]> => {
    const query = `query($filter: CustomerFilter) {
      customers(first: 100, filter: $filter, orderBy: { field: ${field} }) { nodes { id } totalCount } }`;
    const { customers } = await gateway.data(query, { filter });
    expect(customers.totalCount).toBe(customers.nodes.length);
    return customers.nodes.map(({ id }: Found) => id).toSorted();
  };
  const idsOf = (has: (one: Found) => boolean): string[] =>
    all
      .filter(has)
      .map(({ id }) => id)
      .toSorted();

  test('by the start of a name, and by a tag', async () => {
    expect(all.length).toBe(SEEDED + STORED.length);
    for (const text of [...HOSTILE_TEXTS, ...ABSENT])
      for (const field of ['NAME', 'CREATED_AT']) {
        const [byName, byTag] = [await found({ nameStartsWith: text }, field), await found({ tag: text }, field)];
        expect({ text, byName }).toEqual({ text, byName: idsOf(({ name }) => beginsWith(name, text)) });
        expect({ text, byTag }).toEqual({ text, byTag: idsOf(({ tags }) => tags.includes(text.trim())) });
      }
  });

  test('by a search', async () => {
    const query = 'query($text: String!) { searchCustomers(text: $text, first: 100) { nodes { id name } } }';
    for (const text of [...HOSTILE_TEXTS, ...ABSENT]) {
      const { searchCustomers } = await gateway.data(query, { text });
      const names: string[] = searchCustomers.nodes.map(({ name }: Found) => name);
      const words = text.toLowerCase().trim().split(' ');
      const others = names.filter((name) => !words.every((word) => name.toLowerCase().includes(word)));
      expect({ text, others }).toEqual({ text, others: [] });
      const beginning = all.filter(({ name }) => beginsWith(name, text.trim())).map(({ name }) => name);
      // With an at sign, a text is looked for among email addresses.
      if (!text.includes('@')) expect({ text, names }).toEqual({ text, names: expect.arrayContaining(beginning) });
    }
    const byEmail = await Promise.all(HOSTILE_EMAILS.map((text) => gateway.data(query, { text })));
    expect(byEmail.map(({ searchCustomers }) => searchCustomers.nodes.map(({ name }: Found) => name))).toEqual(
      HOSTILE_EMAILS.map((__, i) => [STORED[i]]),
    );
  });

  test('by a key', async () => {
    const query = `query($text: String!) { customer(by: { externalId: $text }) { key: externalId name company }
      ticket(by: { number: $text }) { key: number subject } order(by: { number: $text }) { key: number }
      product(by: { sku: $text }) { key: sku } }`;
    for (const text of STORED)
      expect(await gateway.data(query, { text })).toEqual({
        customer: { key: text, name: text, company: text },
        ticket: { key: text, subject: text },
        order: { key: text },
        product: { key: text },
      });
    for (const text of ABSENT)
      expect(await gateway.data(query, { text })).toEqual({ customer: null, ticket: null, order: null, product: null });
    const byEmail = 'query($email: EmailAddress!) { customer(by: { email: $email }) { name } }';
    for (const [i, email] of HOSTILE_EMAILS.entries())
      expect(await gateway.data(byEmail, { email })).toEqual({ customer: { name: STORED[i] } });
    expect(await gateway.data(byEmail, { email: "'or'1'='2@example.com" })).toEqual({ customer: null });
  });
});
