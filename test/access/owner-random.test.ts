import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buildSchema } from 'graphql';
import { parseGlobalId } from '../../src/crm/global-id.ts';
import { createRandom } from '../../src/data/seed/random.ts';
import { ANY_COST } from '../support/gateway.ts';
import { randomRequest } from '../support/random-request.ts';
import { REQUEST_VALUES } from '../support/request-values.ts';
import { nodeId, startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';
import { createSoak } from '../support/soak.ts';
import { bearing, BY_SECRET, tokenOf } from './tokens.ts';

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
const { seed, again, goesOn, report } = createSoak('owner');
const DOCUMENTS = 300;

let gateway: SeededGateway;
let agent: string;
/** By type, the ids of rows that belong to the agent's customers. */
let owned: ReadonlyMap<string, ReadonlySet<string>>;

beforeAll(async () => {
  gateway = await startSeededGateway(40, { ...ANY_COST, ...BY_SECRET });
  agent = await withConnection(gateway.databaseUrl, async (connection) => {
    const sql =
      'SELECT owner_id FROM customers WHERE owner_id IS NOT NULL GROUP BY owner_id ORDER BY COUNT(*) DESC LIMIT 1';
    return String((await connection.query<{ owner_id: bigint }[]>(sql))[0]?.owner_id);
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

afterAll(() => gateway.close());

/** All texts in a response that are ids of this API, without those of agents and products, which belong to no customer. */
function idsIn(value: unknown): { readonly type: string; readonly id: string }[] {
  if (typeof value === 'string') return [parseGlobalId(value) ?? []].flat().filter(({ type }) => owned.has(type));
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(idsIn) : [];
}

test(`no answer to ${DOCUMENTS} random documents shows anything but what belongs to the agent's customers`, async () => {
  const random = createRandom(seed, 0);
  const headers = bearing(await tokenOf({ scope: 'crm:read crm:pii', owner: nodeId('Agent', agent) }));
  let asked = 0;
  let found = 0;
  for (; goesOn(asked >= DOCUMENTS); asked += 1) {
    const request = { schema, values: REQUEST_VALUES, root: 'Query', selections: 25 } as const;
    const { query, operationName, variables } = randomRequest({ ...request, choose: (below) => random.below(below) });
    const answer = await gateway.request(query, { variables, operationName, headers });
    const ids = idsIn(answer.data);
    found += ids.length;
    const foreign = ids.filter(({ type, id }) => owned.get(type)?.has(id) !== true);
    expect({ again, query, variables, foreign }).toEqual({ again, query, variables, foreign: [] });
    expect(JSON.stringify(answer.errors)).not.toContain('INTERNAL');
  }
  report(`${asked} documents, with ${found} ids`);
  expect(found).toBeGreaterThan(100);
});
