import DataLoader from 'dataloader';
import pLimit from 'p-limit';
import type { StoredApiKey } from '../access/api-key-callers.ts';
import { NEVER } from '../time-limit.ts';
import type { Database, RawRow } from './database.ts';
import { paddedKeys } from './padding.ts';

/** Keys that are looked up with one statement. */
const AT_ONCE = 64;

const sqlFor = (count: number): string => `
  SELECT secret_hash, id, name, scopes, CAST(owner_id AS CHAR), CAST(expires_at AS CHAR), revoked_at IS NOT NULL FROM api_keys
  WHERE secret_hash IN (${Array.from({ length: count }, () => '?').join(', ')})`;

/**
 * Creates the function that finds an API key by its hash. Keys that come while others are being looked up share the next
 * statement, so that any number of unknown ones take one connection to the database at most.
 */
export function findApiKey(db: Pick<Database, 'reader'>): (hash: string) => Promise<StoredApiKey | undefined> {
  // Several requests may wait for the same look-up, so none of them may end it.
  const { read } = db.reader(NEVER);
  const lookUp = async (hashes: readonly string[]): Promise<(StoredApiKey | undefined)[]> => {
    const values = paddedKeys(hashes);
    const rows = await read({ name: 'API key', sql: sqlFor(values.length), values });
    const found = new Map(rows.map(([hash, ...columns]) => [String(hash), storedKey(columns)]));
    return hashes.map((hash) => found.get(hash));
  };
  const oneAtATime = pLimit(1);
  let sent: Promise<unknown> = Promise.resolve();
  const loader = new DataLoader<string, StoredApiKey | undefined>(
    (hashes) => {
      const found = lookUp(hashes);
      sent = found.catch(() => undefined);
      return found;
    },
    {
      cache: false,
      maxBatchSize: AT_ONCE,
      batchScheduleFn: (send) =>
        void oneAtATime(() => {
          send();
          return sent;
        }),
    },
  );
  return (hash) => loader.load(hash);
}

function storedKey([id, name, scopes, owner, expiresAt, isRevoked]: RawRow): StoredApiKey {
  return {
    id: String(id),
    name: String(name),
    scopes: String(scopes),
    owner: typeof owner === 'string' ? owner : undefined,
    expiresAtMs: Date.parse(`${String(expiresAt).replace(' ', 'T')}Z`),
    isRevoked: Number(isRevoked) !== 0,
  };
}
