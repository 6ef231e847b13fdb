import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';

let kept = 0;

/**
 * Copies the logs of servers whose folder is about to be removed to the folder in TEST_LOGS_DIR, if set.
 * @param user whose servers they were: the path of a test file, or `shared`
 */
export async function keepLogs(dataDir: string, user: string): Promise<void> {
  const folder = process.env['TEST_LOGS_DIR'];
  if (folder === undefined) return;
  await mkdir(folder, { recursive: true });
  const logs = (await readdir(dataDir)).filter((name) => name.endsWith('.log'));
  // A file may start several servers in succession.
  kept += 1;
  const name = (log: string) => `${user.replaceAll(/[^\w.-]+/g, '-')}-${kept}-${log}`;
  await Promise.all(logs.map((log) => cp(join(dataDir, log), join(folder, name(log)))));
}
