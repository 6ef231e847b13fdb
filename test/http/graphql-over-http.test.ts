import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { serverAudits } from 'graphql-http';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';

let gateway: OwnGateway;

beforeAll(async () => {
  gateway = await startOwnGateway();
});

afterAll(() => gateway.close());

const audits = serverAudits({ url: () => `${gateway.url}/graphql`, fetchFn: fetch });

describe('the audits of graphql-http for GraphQL over HTTP', () => {
  test('exist for every level', () => {
    const levels = audits.map(({ name }) => name.split(' ', 1)[0]);
    expect(new Set(levels)).toEqual(new Set(['MUST', 'SHOULD', 'MAY']));
    expect(audits.length).toBeGreaterThanOrEqual(61);
  });

  test.each(audits.map((audit) => [`${audit.id} ${audit.name}`, audit] as const))('%s', async (_, audit) => {
    const result = await audit.fn();
    expect(result.status === 'ok' ? undefined : result.reason).toBeUndefined();
  });
});
