import { expect } from '@jest/globals';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { createDatabase, redisUrl } from '../support/servers.ts';

/** The longest body that it takes. */
export const MAX_BYTES = 8_192;

/**
 * Starts a gateway with low limits on an empty database, for requests that it must refuse. Nothing that they send is its fault,
 * so `close` checks that nothing was masked, logged or written.
 */
export async function startRefusingGateway(maxBytes = MAX_BYTES): Promise<TestGateway> {
  const database = await createDatabase();
  const gateway = await startGateway({
    databaseUrl: database.url,
    redisUrl: redisUrl(),
    settings: {
      ...PATIENT,
      LIMIT_BODY_BYTES: String(maxBytes),
      LIMIT_TOKENS: '50',
      CACHE_PREFIX: `${database.url}:`,
    },
  });
  const close = async (): Promise<void> => {
    const masked = await gateway.metric('concierge_masked_errors_total');
    const { customers } = await gateway.data('{ customers { totalCount } }');
    await gateway.close();
    await database.drop();
    expect({ masked, customers, log: gateway.logLines }).toEqual({ masked: 0, customers: { totalCount: 0 }, log: [] });
  };
  return { ...gateway, close };
}
