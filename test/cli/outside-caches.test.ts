import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { redisUrl } from '../support/servers.ts';
import { runCommand } from './command.ts';
import { cleanUpImports, freshDatabase } from './import-run.ts';

const fixture = join(import.meta.dirname, '../fixtures/crm');
const mapping = join(fixture, 'mapping.yaml');

afterEach(cleanUpImports);

test.each([
  ['no folder', ['import', 'nowhere', '--mapping', 'nope.yaml'], 'There is no folder nowhere.\n'],
  ['a file for a folder', ['import', mapping, '--mapping', mapping], `There is no folder ${mapping}.\n`],
  ['no mapping', ['import', fixture, '--mapping', 'nope.yaml'], expect.stringMatching(/^The mapping nope.yaml cannot/)],
])('an import of %s is refused before servers are looked for', async (_, args, said) => {
  const { code, stdout, stderr } = await runCommand(args, { DATA_DIR: '/dev/null/data' });
  expect([code, stdout, stderr]).toEqual([66, '', said]);
});

describe('a command that writes without REDIS_URL warns of stale responses', () => {
  const warning = /^No cache was invalidated: .* To invalidate them, set REDIS_URL\.\n$/;

  test('by seed --reset and by import, but not if the cache is off or nothing was there before', async () => {
    const [url, temporary] = await Promise.all([freshDatabase(), createTemporaryFolder()]);
    const told = async (args: readonly string[], settings: Readonly<Record<string, string>> = {}) => {
      const { code, stderr } = await runCommand(args, { DATABASE_URL: url, ...settings });
      expect(code).toBe(0);
      return stderr;
    };
    const seed = ['seed', '--customers', '1'];
    expect(await told(seed)).toBe('');
    expect(await told([...seed, '--reset'])).toMatch(warning);
    expect(await told([...seed, '--reset'], { CACHE_ENABLED: 'false' })).toBe('');
    expect(await told([...seed, '--reset'], { REDIS_URL: redisUrl() })).toBe('');
    const imported = ['import', fixture, '--mapping', mapping, '--rejects', temporary.path];
    expect(await told(imported)).toMatch(warning);
    await temporary.remove();
  });
});
