import { Prisma } from '../generated/prisma/client.ts';
import type { Database } from './database.ts';

/** A gateway has written what it cannot tell Redis of. */
export interface CacheSuspension {
  readonly gateway: string;
  /** By the clock of the database, as text. */
  readonly renewedAt: string;
  /** Whether it was not renewed for so long that its gateway has ended, or cannot write either. */
  readonly isAbandoned: boolean;
}

/** The table by which gateways tell each other so without Redis. It is nearly always empty. */
export interface CacheSuspensions {
  read(signal: AbortSignal): Promise<readonly CacheSuspension[]>;
  /**
   * Adds or renews the row of a gateway.
   * @returns whether there may have been none before
   */
  renew(gateway: string): Promise<boolean>;
  remove(gateway: string): Promise<void>;
  /** Has others remove the row of a gateway that ends. */
  abandon(gateway: string): Promise<void>;
  /** Removes that of another gateway, unless it was renewed since it was read. */
  removeAbandoned(suspension: CacheSuspension): Promise<void>;
}

/** After so long without a renewal, a row is abandoned. */
const ABANDONED_SECONDS = 30;

const READ = `
  SELECT gateway, CAST(renewed_at AS CHAR), renewed_at < UTC_TIMESTAMP(3) - INTERVAL ${ABANDONED_SECONDS} SECOND
  FROM cache_suspensions LIMIT 1000`;

export function createCacheSuspensions({ reader, client }: Pick<Database, 'reader' | 'client'>): CacheSuspensions {
  return {
    async read(signal) {
      const rows = await reader(signal).read({ name: 'Cache suspensions', sql: READ, values: [] });
      return rows.map(([gateway, renewedAt, isAbandoned]) => ({
        gateway: String(gateway),
        renewedAt: String(renewedAt),
        isAbandoned: Number(isAbandoned) !== 0,
      }));
    },
    async renew(gateway) {
      // MySQL counts a changed row twice.
      const count = await client.$executeRaw`
        INSERT INTO cache_suspensions (gateway, renewed_at) VALUES (${gateway}, UTC_TIMESTAMP(3))
        ON DUPLICATE KEY UPDATE renewed_at = UTC_TIMESTAMP(3)`;
      return count < 2;
    },
    async remove(gateway) {
      await client.$executeRaw`DELETE FROM cache_suspensions WHERE gateway = ${gateway}`;
    },
    async abandon(gateway) {
      await client.$executeRaw`
        UPDATE cache_suspensions SET renewed_at = renewed_at - INTERVAL 1 HOUR WHERE gateway = ${gateway}`;
    },
    async removeAbandoned({ gateway, renewedAt }) {
      await client.$executeRaw(
        Prisma.sql`DELETE FROM cache_suspensions WHERE gateway = ${gateway} AND renewed_at = ${renewedAt}`,
      );
    },
  };
}
