import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import {
  PATIENT,
  startGateway,
  type Answer,
  type RequestOptions,
  type TestGateway,
  untilRedisUp,
} from '../support/gateway.ts';
import { measured, until } from '../support/patience.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { observeRedis, type ObservedRedis } from './observed-redis.ts';

const PREFIX = 'shop-7:';
const CREATE = 'mutation { createCustomer(input: {name: "Ada"}) { userErrors { code } } }';
const LIST = 'query List($first: Int) { customers(first: $first) { nodes { id name } } }';

const cacheOf = (answer: Answer) => answer.headers.get('x-cache');

describe('a cached response', () => {
  let servers: OwnServers;
  let gateway: TestGateway;
  let redis: ObservedRedis;
  beforeAll(async () => {
    servers = await startOwnServers();
    await seedDatabase({ databaseUrl: servers.database.url, customers: 60, ordersPerCustomer: 2, seed: 1 });
    redis = observeRedis(servers.redis.url);
    gateway = await startGateway({
      databaseUrl: servers.database.url,
      redisUrl: servers.redis.url,
      // Redis is asked, and what it is sent is counted.
      settings: { CACHE_PREFIX: PREFIX, CACHE_NEAR_BYTES: '0', ...PATIENT },
    });
    await untilRedisUp(gateway);
    // The first write waits until no gateway can hold a lease that is not registered. Until then, more commands are sent.
    await redis.commandsOf(() => gateway.data(CREATE));
  });
  afterAll(async () => {
    await gateway.close();
    redis.close();
    await servers.close();
  });

  const ask = async (query: string, options?: RequestOptions) => cacheOf(await gateway.request(query, options));
  /** Asks twice; the first response is stored before the second request looks it up, since both use one connection. */
  const missThen = async (query: string, options?: RequestOptions) => {
    expect({ query, cache: await ask(query, options) }).toEqual({ query, cache: 'MISS' });
    return gateway.request(query, options);
  };

  test.each([
    ['no variables at all', '{ agents(first: 1) { nodes { id } } }', {}],
    ['others', 'query Named($first: Int) { agents(first: $first) { nodes { id } } }', { first: 1 }],
  ])(
    'is the same with a variable that the operation does not declare, beside %s',
    async (_beside, query, variables) => {
      const further = { n: 1, toString: 'x', a: { b: [] } };
      const answer = await missThen(query, { variables });
      expect(cacheOf(answer)).toBe('HIT');
      for (const extra of [further, { ...further, n: 2 }])
        // oxlint-disable-next-line eslint/no-await-in-loop
        expect(await ask(query, { variables: { ...extra, ...variables } })).toBe('HIT');
    },
  );

  test('is byte for byte what was sent the first time, and needs no SQL statement', async () => {
    const first = await gateway.request(LIST, { variables: { first: 7 } });
    expect([cacheOf(first), first.data.customers.nodes.length]).toEqual(['MISS', 7]);
    let second: Answer | undefined;
    const statements = await gateway.statementsOf(async () => {
      second = await gateway.request(LIST, { variables: { first: 7 } });
    });
    expect(second && cacheOf(second)).toBe('HIT');
    expect(second?.text).toBe(first.text);
    expect(Object.fromEntries(statements)).toEqual({});
    expect([first, second].map((answer) => answer?.headers.get('content-type'))).toEqual(
      Array.from({ length: 2 }, () => 'application/json; charset=utf-8'),
    );
  });

  test('is found by a document that differs only in white space, commas and comments', async () => {
    await missThen('{ customers(first: 2, orderBy: {field: NAME}) { nodes { name } } }');
    for (const same of [
      '{customers(first:2 orderBy:{field:NAME}){nodes{name}}}',
      '# by name\n{\n  customers(,first: 2,, orderBy: { field: NAME, })\r\n  {\tnodes { name } } # end\n}',
      '\uFEFF{ customers(first: 2, orderBy: {field: NAME}) { nodes { name } } }',
    ])
      expect({ same, cache: await ask(same) }).toEqual({ same, cache: 'HIT' });
  });

  test('is found with the variables in another order, and by GET', async () => {
    const query =
      'query Both($filter: CustomerFilter, $first: Int) { customers(filter: $filter, first: $first) { nodes { name } } }';
    const created = { from: '2001-01-01T00:00:00Z', to: '2031-01-01T00:00:00Z' };
    await missThen(query, { variables: { first: 3, filter: { createdAt: created, status: ['LEAD', 'ACTIVE'] } } });
    const other = {
      filter: { status: ['LEAD', 'ACTIVE'], createdAt: { to: created.to, from: created.from } },
      first: 3,
    };
    expect(await ask(query, { variables: other })).toBe('HIT');
    const parameters = new URLSearchParams({ query, variables: JSON.stringify(other) });
    const response = await fetch(`${gateway.url}/graphql?${parameters}`);
    expect(response.headers.get('x-cache')).toBe('HIT');
  });

  test('is found for the same operation with and without its name, and beside others in a document', async () => {
    const fragment = 'fragment F on Product { sku }';
    const list = 'query L($n: Int) { products(first: $n) { nodes { ...F } } }';
    const [variables, operationName] = [{ n: 7 }, 'L'];
    await missThen(`${list} ${fragment}`, { variables });
    for (const document of [
      `${list} ${fragment}`,
      `${list}\n# a comment\n${fragment}`,
      `query Other { products(first: 1) { nodes { ...G } } } ${list} fragment G on Product { name } ${fragment}`,
    ])
      expect(await ask(document, { variables, operationName })).toBe('HIT');
    const otherFragment = `${list} query M { products { nodes { ...F } } } fragment F on Product { name }`;
    await missThen(otherFragment, { variables, operationName });
  });

  test('is not found for another document, other variables or another operation of the document', async () => {
    const two =
      'query A($n: Int) { products(first: $n) { nodes { sku } } } query B($n: Int) { products(first: $n) { nodes { id } } }';
    expect((await missThen(two, { operationName: 'A', variables: { n: 1 } })).data.products.nodes[0].sku).toBeDefined();
    expect((await missThen(two, { operationName: 'B', variables: { n: 1 } })).data.products.nodes[0].id).toBeDefined();
    for (const variables of [{ n: 2 }, { n: null }, {}]) await missThen(two, { operationName: 'A', variables });
    // The order of fields determines the order in the result.
    await missThen('{ products(first: 4) { nodes { sku id } } }');
    await missThen('{ products(first: 4) { nodes { id sku } } }');
    // An alias, an argument as a literal, a list in another order.
    await missThen('{ products(first: 4) { nodes { key: id sku } } }');
    await missThen(LIST, { variables: { first: 4 } });
    await missThen('query List { customers(first: 4) { nodes { id name } } }');
    await missThen('{ customers(filter: {status: [LEAD, ACTIVE]}) { nodes { id } } }');
    await missThen('{ customers(filter: {status: [ACTIVE, LEAD]}) { nodes { id } } }');
  });

  test('with a null variable is not used for a number out of range', async () => {
    const answer = await missThen(LIST, { variables: { first: null } });
    expect(cacheOf(answer)).toBe('HIT');
    const infinite = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"query":${JSON.stringify(LIST)},"variables":{"first":1e999}}`,
    });
    expect(await infinite.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
  });

  test('is not shared by gateways with different prefixes or callers with different access', async () => {
    const other = await startGateway({
      databaseUrl: servers.database.url,
      redisUrl: servers.redis.url,
      settings: { CACHE_PREFIX: 'shop-8:', ...PATIENT },
    });
    try {
      await untilRedisUp(other);
      const query = '{ agents(first: 3) { nodes { name } } }';
      await missThen(query);
      expect(cacheOf(await other.request(query))).toBe('MISS');
    } finally {
      await other.close();
    }
  });

  test('has headers with its age and its lifetime, from which clients reckon what is left', async () => {
    const query = '{ customers(first: 9) { nodes { name } } }';
    const { result: second, tookMs } = await measured(async () => {
      const first = await gateway.request(query);
      expect([first.headers.get('cache-control'), first.headers.get('age')]).toEqual(['private, max-age=60', null]);
      expect(await ask(query)).toBe('HIT');
      // Simulates the state 25 seconds later by moving the stored time back.
      const key = await newestAnswer();
      const stored = await redis.client.getBuffer(key);
      if (stored === null) throw new Error('the response is not stored');
      const space = stored.indexOf(' ');
      const earlier = Number(stored.toString('latin1', 0, space)) - 25_000;
      await redis.client.set(key, Buffer.concat([Buffer.from(String(earlier)), stored.subarray(space)]), 'KEEPTTL');
      return gateway.request(query);
    });
    expect(cacheOf(second)).toBe('HIT');
    const age = Number(second.headers.get('age'));
    expect(age).toBeGreaterThanOrEqual(25);
    expect(age).toBeLessThanOrEqual(26 + tookMs / 1_000);
    expect(second.headers.get('cache-control')).toBe('private, max-age=60');
  });

  test('is ignored and replaced for a client that sends no-cache, in upper or lower case', async () => {
    const query = '{ customers(first: 10) { nodes { name } } }';
    const before = await missThen(query);
    const node = before.data.customers.nodes[0];
    // Behind the gateway's back, to corrupt the cached response.
    await redis.client.set(await newestAnswer(), 'x', 'KEEPTTL');
    expect(await ask(query)).toBe('MISS');
    const { result: again, tookMs } = await measured(async () => {
      for (const value of ['no-cache', 'max-age=0, No-Cache']) {
        const statements = await gateway.statementsOf(async () => {
          const fresh = await gateway.request(query, { headers: { 'cache-control': value } });
          expect([cacheOf(fresh), fresh.data.customers.nodes[0]]).toEqual(['BYPASS', node]);
          expect(fresh.headers.get('cache-control')).toBe('private, max-age=60');
        });
        expect(Object.fromEntries(statements)).toEqual({ 'Query.customers page': 1 });
      }
      return gateway.request(query);
    });
    expect([cacheOf(again), again.headers.get('age')]).toEqual(['HIT', expect.stringMatching(/^\d+$/)]);
    expect(Number(again.headers.get('age'))).toBeLessThanOrEqual(tookMs / 1_000);
  });

  type Counts = Readonly<Record<string, number>>;
  /** Without those that each look-up and each regular check sends to find out whether Redis takes writes. */
  const withoutChecks = ({ xtrim: _xtrim, eval: texts = 0, evalsha: hashes = 0, ...others }: Counts): Counts =>
    texts + hashes === 0 ? others : { ...others, scripts: texts + hashes };
  const commandsOf = async (run: () => Promise<unknown>): Promise<Counts> => withoutChecks(await redis.commandsOf(run));
  /** Of a run that no regular check came into: each reads the log of writes, as a look-up does. */
  const uncheckedOf = async (
    lookups: number,
    run: () => Promise<unknown>,
    before = (): Promise<void> => Promise.resolve(),
  ): Promise<Counts> =>
    withoutChecks(
      await until(
        'a run without a regular check',
        async () => {
          await before();
          return redis.commandsOf(run);
        },
        ({ xtrim = 0 }) => xtrim === lookups,
      ),
    );

  /**
   * Besides the two of a look-up, a script takes the lease and looks whether there is a response by now, and another stores it and ends
   * the lease. If the execution takes long, others have renewed the lease before. What scripts do is counted, too. On a busy machine, a
   * lease may end before it is renewed: then it is asked for again.
   */
  const expectMiss = async (query: string): Promise<void> => {
    let isAgain = false;
    /** What the attempt before has stored would be found. */
    const forget = async (): Promise<void> => {
      if (isAgain) await redis.client.del(await newestAnswer());
      isAgain = true;
    };
    const { scripts = 0, ...others } = await until(
      'a miss that keeps its lease',
      () => uncheckedOf(1, () => gateway.request(query), forget),
      // Of one that has ended, nothing is deleted, or not each script sets something.
      (found) => found['del'] !== undefined && (found['set'] ?? 0) >= (found['scripts'] ?? 0),
    );
    const renewals = scripts - 2;
    expect(renewals).toBeGreaterThanOrEqual(0);
    expect(others).toEqual({ xrange: 1, get: 2 + renewals, set: 2 + renewals, getrange: 1, del: 1 });
  };

  test('is read with two commands, stored with two more, and never found by scanning keys', async () => {
    // The same whatever the response shows: one look-up of the response, and one of recent invalidations.
    const many = '{ customers(first: 20) { nodes { name owner { name } orders(first: 5) { nodes { number } } } } }';
    for (const query of ['{ products(first: 11) { nodes { name } } }', many]) {
      await expectMiss(query);
      expect(await uncheckedOf(1, () => gateway.request(query))).toEqual({ get: 1, xrange: 1 });
      expect(await redis.commandsOf(() => gateway.request(query))).toHaveProperty('xtrim');
    }
    expect(await uncheckedOf(0, () => gateway.request(CREATE))).toEqual({ xadd: 1, expire: 1, publish: 1, hgetall: 1 });
    await expectMiss(many);
    // Concurrent look-ups share one read of the invalidations.
    const together = () => Promise.all(Array.from({ length: 10 }, () => gateway.request(many)));
    // Those that arrive together, as not all of ten do on a busy machine.
    await until(
      'fewer reads of the invalidations than look-ups',
      () => commandsOf(together),
      ({ get = 0, xrange = 0 }) => get === 10 && xrange < 10,
    );
  });

  test('has a key that begins with CACHE_PREFIX, like everything else in Redis', async () => {
    const keys = [...(await redis.lifetimes()).keys()];
    expect(keys.length).toBeGreaterThan(10);
    expect(
      keys.filter(
        (key) => !/^shop-[78]:(?:response:[\w-]{43}:[\w-]{43}:anybody|lease:\{.+\}|invalidations|near)$/.test(key),
      ),
    ).toEqual([]);
  });

  async function newestAnswer(): Promise<string> {
    const lifetimes = await redis.lifetimes(`${PREFIX}response:`);
    const idle = await Promise.all([...lifetimes.keys()].map(async (key) => [key, await written(key)] as const));
    const [newest] = idle.sort(([, a], [, b]) => b - a);
    if (newest === undefined) throw new Error('nothing is stored');
    return newest[0];
  }

  async function written(key: string): Promise<number> {
    return Number((await redis.client.getrange(key, 0, 12)).slice(0, 13)) || 0;
  }
});
