import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, type Answer, type TestGateway } from './gateway.ts';
import { createDatabase } from './servers.ts';

/** A gateway without a response cache on a seeded database of its own. */
export interface SeededGateway extends TestGateway {
  readonly databaseUrl: string;
}

/** Starts a gateway on `customers` seeded customers (300 when left out) with five orders each; `close` drops them. */
export async function startSeededGateway(
  customers = 300,
  settings: Readonly<Record<string, string>> = {},
): Promise<SeededGateway> {
  const database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers, ordersPerCustomer: 5, seed: 1 });
  const gateway = await startGateway({ databaseUrl: database.url, settings: { ...PATIENT, ...settings } });
  const close = async (): Promise<void> => {
    await gateway.close();
    await database.drop();
  };
  return { ...gateway, databaseUrl: database.url, close };
}

/**
 * Sends a document twice: the plain executor answers the first time, the compiled operation the second, or this throws. The
 * document must be a query that the gateway has not met; one that is refused, or has conditions, may run plain again.
 */
export async function askTwice(
  gateway: TestGateway,
  query: string,
  variables: Readonly<Record<string, unknown>> = {},
): Promise<{ plain: Answer; compiled: Answer }> {
  const runs = () => gateway.metric('concierge_executions_total{executor="compiled"}');
  const plain = await gateway.request(query, { variables });
  const before = await runs();
  const compiled = await gateway.request(query, { variables });
  const isToCompile = plain.data !== undefined && !/@(skip|include)|^mutation\b/.test(query);
  if (isToCompile && (await runs()) !== before + 1) throw new Error(`expected to run compiled: ${query}`);
  return { plain, compiled };
}

/** The global id of a row, as `node` takes it. */
export const nodeId = (type: string, id: number | bigint | string): string =>
  Buffer.from(`${type}:${id}`).toString('base64url');
