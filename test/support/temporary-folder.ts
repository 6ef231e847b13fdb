import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { demo } from '../../src/embedded/index.ts';

/** Creates a folder next to those of test runs, so that a later run removes it after a crash. */
export async function createTemporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const parent = join(demo.dataDir, '..');
  await mkdir(parent, { recursive: true });
  const path = await mkdtemp(join(parent, `test-${process.pid}-`));
  return { path, remove: () => rm(path, { recursive: true, maxRetries: 5 }) };
}
