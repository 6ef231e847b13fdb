import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { startEmbeddedServers } from '../../src/embedded/index.ts';
import { CliError } from '../../src/cli-error.ts';

test('if the data folder cannot be created, the error names the settings that make it unnecessary', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'concierge-unwritable-'));
  try {
    // Below a file, which fails for root too, just as a read-only image does for everybody.
    await writeFile(join(folder, 'file'), '');
    const starting = startEmbeddedServers({
      dataDir: join(folder, 'file/demo'),
      serversDir: join(folder, 'servers'),
      database: false,
      redis: true,
      databaseName: 'crm',
      report: () => {},
    });
    const error = await starting.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CliError);
    expect(String(error)).toMatch(/file\/demo.*DATABASE_URL.*REDIS_URL or CACHE_ENABLED=false/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
