import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { demo } from '../../src/embedded/index.ts';

/** A folder beside those of the test runs, so that one which a crash leaves is removed by a later run. */
export async function createTemporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const parent = join(demo.dataDir, '..');
  await mkdir(parent, { recursive: true });
  const path = await mkdtemp(join(parent, `test-${process.pid}-`));
  return { path, remove: () => rm(path, { recursive: true, maxRetries: 5 }) };
}
