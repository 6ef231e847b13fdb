import type { StoredApiKey } from '../access/api-key-callers.ts';
import type { Database } from './database.ts';

const SQL = `SELECT id, name, scopes, CAST(expires_at AS CHAR), revoked_at IS NOT NULL FROM api_keys WHERE secret_hash = ?`;

/** Creates the function that finds an API key by its hash, with one statement. */
export function findApiKey(db: Pick<Database, 'reader'>): (hash: string) => Promise<StoredApiKey | undefined> {
  // Several requests may wait for the same look-up, so none of them may end it.
  const { read } = db.reader(new AbortController().signal);
  return async (hash) => {
    const [row] = await read({ name: 'API key', sql: SQL, values: [hash] });
    if (row === undefined) return undefined;
    const [id, name, scopes, expiresAt, isRevoked] = row;
    return {
      id: String(id),
      name: String(name),
      scopes: String(scopes),
      expiresAtMs: Date.parse(`${String(expiresAt).replace(' ', 'T')}Z`),
      isRevoked: Number(isRevoked) !== 0,
    };
  };
}
