import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buildASTSchema, parse, visit } from 'graphql';
import { parseGlobalId } from '../../src/crm/global-id.ts';
import { createRandom } from '../../src/data/seed/random.ts';
import { ANY_COST } from '../support/gateway.ts';
import { randomRequest } from '../support/random-request.ts';
import { REQUEST_VALUES } from '../support/request-values.ts';
import { nodeId, startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';
import { createSoak } from '../support/soak.ts';
import { bearing, BY_SECRET, tokenOf } from './tokens.ts';

/** Without root fields that a caller of one agent may not use, or finds less by than what belongs to the customers. */
const OTHERS = new Set(['agent', 'agents', 'product', 'products', 'viewer']);
const schema = buildASTSchema(
  visit(parse(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8')), {
    ObjectTypeDefinition: (type) =>
      type.name.value === 'Query'
        ? { ...type, fields: type.fields?.filter(({ name }) => !OTHERS.has(name.value)) }
        : undefined,
  }),
);
const { seed, again, goesOn, report } = createSoak('owner');
const DOCUMENTS = 300;
const CUSTOMERS = 40;
const SETTINGS = { ...ANY_COST, ...BY_SECRET };
const OF_CUSTOMERS = [
  ...['customer_tags', 'customer_search_terms', 'customer_addresses', 'customer_stats', 'customer_values'],
  ...['customer_changes', 'orders', 'tickets', 'interactions'],
];

let gateway: SeededGateway;
/** With the same rows, but those of other customers, for a caller who sees them all. */
let without: SeededGateway;
let agent: string;
/** By type, the ids of rows that belong to the agent's customers. */
let owned: ReadonlyMap<string, ReadonlySet<string>>;

beforeAll(async () => {
  gateway = await startSeededGateway(CUSTOMERS, SETTINGS);
  agent = await withConnection(gateway.databaseUrl, async (connection) => {
    const sql =
      'SELECT owner_id FROM customers WHERE owner_id IS NOT NULL GROUP BY owner_id ORDER BY COUNT(*) DESC LIMIT 1';
    return String((await connection.query<{ owner_id: bigint }[]>(sql))[0]?.owner_id);
  });
  without = await startSeededGateway(CUSTOMERS, SETTINGS);
  await withConnection(without.databaseUrl, async (connection) => {
    const others = `SELECT id FROM customers WHERE owner_id IS NULL OR owner_id <> ${agent}`;
    await connection.query(
      `DELETE FROM order_items WHERE order_id IN (SELECT id FROM orders WHERE customer_id IN (${others}))`,
    );
    for (const table of OF_CUSTOMERS) await connection.query(`DELETE FROM ${table} WHERE customer_id IN (${others})`);
    await connection.query(`DELETE FROM customers WHERE owner_id IS NULL OR owner_id <> ${agent}`);
  });
  const idsOf = (table: string, column: string) =>
    withConnection(gateway.databaseUrl, async (connection) => {
      const sql = `SELECT t.id FROM ${table} AS t JOIN customers AS c ON c.id = t.${column} WHERE c.owner_id = ?`;
      const rows = await connection.query<{ id: bigint }[]>(sql, [agent]);
      return new Set(rows.map(({ id }) => String(id)));
    });
  owned = new Map([
    ['Customer', await idsOf('customers', 'id')],
    ['Order', await idsOf('orders', 'customer_id')],
    ['Ticket', await idsOf('tickets', 'customer_id')],
    ['Interaction', await idsOf('interactions', 'customer_id')],
  ]);
});

afterAll(async () => {
  await gateway.close();
  await without.close();
});

/** By its id, a caller finds no other agent and no product. */
const isFoundById = (value: unknown): boolean => {
  const { type, id } = parseGlobalId(String(value)) ?? {};
  return type === 'Agent' ? id === agent : type !== 'Product';
};
/** Each database has a key of its own for cursors, which are longer than anything else that looks like them. */
const withoutCursors = (text: string): string => text.replaceAll(/"[\w-]{60,}"/g, '"cursor"');

/** All texts in a response that are ids of this API, without those of agents and products, which belong to no customer. */
function idsIn(value: unknown): { readonly type: string; readonly id: string }[] {
  if (typeof value === 'string') return [parseGlobalId(value) ?? []].flat().filter(({ type }) => owned.has(type));
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(idsIn) : [];
}

test(`answers to ${DOCUMENTS} random documents are as if the rows of other customers were not there`, async () => {
  const random = createRandom(seed, 0);
  const claims = { scope: 'crm:read crm:pii' };
  const headers = bearing(await tokenOf({ ...claims, owner: nodeId('Agent', agent) }));
  const all = bearing(await tokenOf(claims));
  const nodes = (REQUEST_VALUES['ids'] ?? []).filter(isFoundById);
  const values = { ...REQUEST_VALUES, id: nodes, ids: nodes };
  let asked = 0;
  let found = 0;
  let counts = 0;
  for (; goesOn(asked >= DOCUMENTS); asked += 1) {
    const request = { schema, values, root: 'Query', selections: 25 } as const;
    const { query, operationName, variables } = randomRequest({ ...request, choose: (below) => random.below(below) });
    const answer = await gateway.request(query, { variables, operationName, headers });
    const ids = idsIn(answer.data);
    found += ids.length;
    counts += answer.text.match(/":(?:[1-9]\d*|true)\b/g)?.length ?? 0;
    const foreign = ids.filter(({ type, id }) => owned.get(type)?.has(id) !== true);
    expect({ again, query, variables, foreign }).toEqual({ again, query, variables, foreign: [] });
    // Whole: counts, pages, summaries and errors, too.
    const expected = await without.request(query, { variables, operationName, headers: all });
    const [shown, right] = [answer, expected].map(({ text }) => withoutCursors(text));
    expect({ again, query, variables, shown }).toEqual({ again, query, variables, shown: right });
    expect(answer.text).not.toContain('INTERNAL');
  }
  report(`${asked} documents, with ${found} ids and ${counts} counts`);
  expect([found > 100, counts > 100]).toEqual([true, true]);
});
