import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';

let kept = 0;

/**
 * The name of a new file for what was logged in a run.
 * @param user for whom: the path of a test file, or `shared`
 */
export function logNameOf(user: string, name: string): string {
  // A file may start several in succession, and may run in several workers, if it is run again.
  kept += 1;
  return `${user.replaceAll(/[^\w.-]+/g, '-')}-${process.pid}-${kept}-${name}`;
}

/**
 * Copies the logs of servers whose folder is about to be removed to where they are searched at the end of the run (leaks.ts), and to the
 * folder in TEST_LOGS_DIR, if set.
 * @param user whose servers they were: the path of a test file, or `shared`
 */
export async function keepLogs(dataDir: string, user: string): Promise<void> {
  const logs = (await readdir(dataDir)).filter((name) => name.endsWith('.log'));
  for (const folder of [process.env['TEST_WRITTEN_DIR'], process.env['TEST_LOGS_DIR']]) {
    if (folder === undefined) continue;
    await mkdir(folder, { recursive: true });
    await Promise.all(logs.map((log) => cp(join(dataDir, log), join(folder, logNameOf(user, log)))));
  }
}
