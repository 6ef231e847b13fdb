import { PATIENT, startGateway, type TestGateway } from './gateway.ts';
import { createDatabase } from './servers.ts';

/** A gateway on a database of its own, without a response cache. */
export interface OwnGateway extends TestGateway {
  readonly databaseUrl: string;
}

/**
 * Starts a gateway on a new database; `close` drops it.
 * @param fill puts rows into the tables before the start
 */
export async function startOwnGateway(
  settings: Readonly<Record<string, string>> = {},
  fill?: (databaseUrl: string) => Promise<unknown>,
): Promise<OwnGateway> {
  const database = await createDatabase();
  await fill?.(database.url);
  const gateway = await startGateway({ databaseUrl: database.url, settings: { ...PATIENT, ...settings } });
  const close = async (): Promise<void> => {
    await gateway.close();
    await database.drop();
  };
  return { ...gateway, databaseUrl: database.url, close };
}
