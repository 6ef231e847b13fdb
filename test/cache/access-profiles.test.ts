import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buildSchema } from 'graphql';
import pLimit from 'p-limit';
import { SCOPES } from '../../src/access/caller.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { SDL } from '../../src/graphql/schema.ts';
import { argumentForms, queriedFields, SCOPE_SETS, withSelection } from '../access/every-field.ts';
import { bearing, BY_SECRET, tokenOf } from '../access/tokens.ts';
import { documentFor } from '../support/schema-paths.ts';
import { nodeId } from '../support/seeded.ts';
import { PATIENT, startGateway, type TestGateway, untilRedisUp } from '../support/gateway.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';

/** Everything that the gateway knows of a caller. */
interface Profile {
  readonly sub: string;
  readonly scope: string;
  /** Of two agents, each of whom has some of the customers. */
  readonly owner?: string;
}

const PROFILES: readonly Profile[] = [
  // Of all sets those with no scope, one, all but one, and all, since each is compared with each other.
  ...SCOPE_SETS.filter(({ length }) => length < 2 || length > SCOPES.length - 2).map((scopes) => ({
    sub: 'ada',
    scope: scopes.join(' '),
  })),
  { sub: 'bob', scope: 'crm:read' },
  { sub: 'bob', scope: 'crm:read crm:pii' },
  { sub: 'ada', scope: 'crm:read', owner: nodeId('Agent', 1) },
  { sub: 'bob', scope: 'crm:read', owner: nodeId('Agent', 1) },
  { sub: 'ada', scope: 'crm:read', owner: nodeId('Agent', 2) },
  { sub: 'ada', scope: SCOPES.join(' '), owner: nodeId('Agent', 2) },
];
const FIELDS = queriedFields(buildSchema(SDL));
const TYPES = [...new Set(FIELDS.map(({ type }) => type.name))];

/** Fields, whose responses have nothing to do with each other. */
const AT_ONCE = 8;

let servers: OwnServers;
let gateway: TestGateway;
let hits = 0;
const tokens = new Map<Profile, string>();
beforeAll(async () => {
  servers = await startOwnServers();
  const [databaseUrl, redisUrl] = [servers.database.url, servers.redis.url];
  await seedDatabase({ databaseUrl, customers: 5, ordersPerCustomer: 2, seed: 1 });
  const settings = { ...PATIENT, ...BY_SECRET, AUTH_EXPLORE: 'scope', LIMIT_COST: '100000000', LIMIT_DEPTH: '30' };
  gateway = await startGateway({ databaseUrl, redisUrl, settings });
  await untilRedisUp(gateway);
  for (const profile of PROFILES) tokens.set(profile, await tokenOf({ ...profile }));
});
afterAll(async () => {
  await gateway.close();
  await servers.close();
});

async function asked(document: string, profile: Profile, more: Readonly<Record<string, string>> = {}) {
  const headers = { ...bearing(tokens.get(profile) ?? ''), ...more };
  const { status, text, headers: sent } = await gateway.request(document, { headers });
  return { status, text, result: sent.get('x-cache') };
}

type Expected = readonly { readonly profile: Profile; readonly status: number; readonly text: string }[];

/** What each gets without the cache. */
const own = (document: string): Promise<Expected> =>
  Promise.all(
    PROFILES.map(async (profile) => {
      const { status, text } = await asked(document, profile, { 'cache-control': 'no-store, no-cache' });
      return { profile, status, text };
    }),
  );

/** All ask one after the other. Returns what was not as expected: if a response to one were sent to another, it would differ. */
async function wrongOf(document: string, expected: Expected): Promise<unknown[]> {
  const wrong: unknown[] = [];
  for (const { profile, ...right } of expected) {
    // The second time, perhaps from Redis, and the third time, from memory; but what has errors is not stored.
    const times = right.text.startsWith('{"errors"') ? 1 : 3;
    for (let time = 1; time <= times; time += 1) {
      const { result, ...got } = await asked(document, profile);
      if (result === 'HIT') hits += 1;
      if (got.status !== right.status || got.text !== right.text)
        wrong.push({ document, profile, time, ...got, expected: right });
    }
  }
  return wrong;
}

test.each(TYPES)(
  'each of any two callers gets its own response to each field of %s, whoever asks first',
  async (name) => {
    const documents = FIELDS.flatMap(({ type, document }) => (type.name === name ? [document] : []));
    const wrong = await pLimit(AT_ONCE).map(documents, async (document) => {
      const opposite = `query Opposite ${document}`;
      return [
        ...(await wrongOf(document, await own(document))),
        // Each comes after each.
        ...(await wrongOf(opposite, (await own(opposite)).toReversed())),
      ];
    });
    expect(wrong.flat()).toEqual([]);
  },
);

const GIVEN = FIELDS.flatMap(({ type, field, path }) =>
  argumentForms(field).map(({ text }) => ({ type, document: documentFor(path, withSelection(field, text)) })),
);

test.each(TYPES.filter((name) => GIVEN.some(({ type }) => type.name === name)))(
  'each of any two callers gets its own response to each argument of the fields of %s, and each part of it',
  async (name) => {
    const documents = GIVEN.flatMap(({ type, document }) => (type.name === name ? [document] : []));
    const wrong = await pLimit(AT_ONCE).map(documents, async (document, i) => {
      const expected = await own(document);
      return wrongOf(document, i % 2 === 0 ? expected : expected.toReversed());
    });
    expect(wrong.flat()).toEqual([]);
  },
);

test('both agents have customers, and not the same', async () => {
  const seen = await Promise.all(
    PROFILES.filter(({ owner }) => owner !== undefined).map((profile) =>
      asked('{ customers { nodes { id } } }', profile),
    ),
  );
  const texts = seen.map(({ text }) => text);
  expect(new Set(texts).size).toBe(2);
  for (const text of texts) expect(text).toContain('"id":');
});

test('at least half of what may be read was answered from the cache', () => {
  expect(FIELDS.length).toBeGreaterThan(130);
  expect(GIVEN.length).toBeGreaterThan(150);
  expect(hits).toBeGreaterThan(2 * FIELDS.length * 3 + GIVEN.length * 3);
});
