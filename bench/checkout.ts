import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CliError, EXIT } from '../src/cli-error.ts';

/** A folder with a version of this repository, and its packages. */
export interface Checkout {
  readonly folder: string;
  /** The program that runs its scripts. */
  readonly node: string;
}

/** The checkout that this file belongs to. */
export const thisCheckout: Checkout = { folder: join(import.meta.dirname, '..'), node: process.execPath };

/**
 * Reads the folder given with --beside. npm runs the other checkout on the Node.js in its packages, so the bench does too.
 * @throws CliError (exit code 64) when it is not a checkout with a gateway to measure, and packages
 */
export function parseCheckout(text: string): Checkout {
  const refused = (reason: string): CliError =>
    new CliError(
      `--beside: expected the folder of another checkout of this repository, after \`npm ci\`, got "${text}", ${reason}`,
      { exitCode: EXIT.usage },
    );
  // Before resolving, which turns an empty text into this folder.
  if (statSync(text, { throwIfNoEntry: false })?.isDirectory() !== true) throw refused('which is not a folder');
  const folder = resolve(text);
  const missing = ['package.json', 'bench/servers/gateway.ts', 'node_modules'].find(
    (path) => !existsSync(join(folder, path)),
  );
  if (missing !== undefined) throw refused(`which has no ${missing}`);
  const own = join(folder, 'node_modules/.bin/node');
  return { folder, node: existsSync(own) ? own : process.execPath };
}
