import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BY_SECRET, bearing, tokenOf } from '../access/tokens.ts';
import { PATIENT, startGateway, untilRedisUp, type Answer, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';

const WHO = '{ viewer { subject scopes } }';
let servers: OwnServers;
let gateway: TestGateway;

beforeAll(async () => {
  servers = await startOwnServers();
  gateway = await started(BY_SECRET);
});

afterAll(async () => {
  await gateway.close();
  await servers.close();
});

async function started(settings: Readonly<Record<string, string>>): Promise<TestGateway> {
  const [databaseUrl, redisUrl] = [servers.database.url, servers.redis.url];
  const one = await startGateway({ databaseUrl, redisUrl, settings: { ...PATIENT, ...settings } });
  await untilRedisUp(one);
  return one;
}

const cacheOf = (answer: Answer) => answer.headers.get('x-cache');
const by = async (sub: string | undefined): Promise<(query: string) => Promise<Answer>> => {
  const headers = bearing(await tokenOf({ scope: 'crm:read', sub }));
  return (query) => gateway.request(query, { headers });
};

test('what is private is kept by person, whatever else callers have in common', async () => {
  const [ada, bob] = [await by('ada'), await by('bob')];
  for (const [ask, subject] of [[ada, 'ada'] as const, [bob, 'bob'] as const]) {
    expect(cacheOf(await ask(WHO))).toBe('MISS');
    await until(
      'a cached response',
      async () => cacheOf(await ask(WHO)),
      (result) => result === 'HIT',
    );
    for (let times = 0; times < 5; times += 1) {
      const answer = await ask(WHO);
      expect([cacheOf(answer), answer.data.viewer.subject]).toEqual(['HIT', subject]);
    }
  }
  // In memory too, where the same text is looked up before it is known what it asks for.
  for (const [ask, subject] of [[ada, 'ada'] as const, [bob, 'bob'] as const])
    expect((await ask(WHO)).data.viewer.subject).toBe(subject);
});

test('what is private and belongs to nobody in particular is not kept', async () => {
  const nobody = await by(undefined);
  const open = await started({});
  for (let times = 0; times < 3; times += 1) {
    expect(cacheOf(await nobody(WHO))).toBe('BYPASS');
    expect(cacheOf(await open.request(WHO))).toBe('BYPASS');
  }
  await open.close();
});

test('what is left of the allowance is never kept', async () => {
  const ada = await by('ada');
  for (let times = 0; times < 3; times += 1)
    expect(cacheOf(await ada('{ viewer { subject rateLimit { remaining } } }'))).toBe('BYPASS');
});
