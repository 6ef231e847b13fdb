import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { personalDataIn } from './personal-data.ts';

/** What `npm run api-keys -- create` is for. */
const NEW_KEY = /^concierge_[A-Za-z\d]+$/;
/** More would only repeat themselves. */
const MOST = 20;

/**
 * Searches all files of a folder for personal data.
 * @returns a line for each that was found, with the file, whose name begins with the path of the test
 */
export async function leaksIn(folder: string): Promise<string[]> {
  const leaks: string[] = [];
  for (const name of await readdir(folder)) {
    let number = 0;
    for await (const line of createInterface({ input: createReadStream(join(folder, name)), crlfDelay: Infinity })) {
      number += 1;
      const found = NEW_KEY.test(line) ? undefined : personalDataIn(line);
      if (found !== undefined) leaks.push(`${name}:${number}: ${found}: ${line.slice(0, 1_000)}`);
      if (leaks.length === MOST) return leaks;
    }
  }
  return leaks;
}
