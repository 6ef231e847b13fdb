import { readFileSync } from 'node:fs';
import { ConfigError } from '../config.ts';

/** An unquoted connection string with a `#` in it. A `#` after a blank would be meant as a comment. */
const CUT_OFF = /^\s*(?:export\s+)?(?<name>DATABASE_URL|REDIS_URL)\s*=\s*[^\s'"`#][^\s#]*#/;

/**
 * Loads variables from a file into the environment. Those that are already set take precedence.
 * @throws ConfigError for a connection string that Node.js would cut off, because a `#` starts a comment
 */
export function loadEnvFile(path: string): void {
  const names = readFileSync(path, 'utf8')
    .split(/\r?\n/)
    .flatMap((line) => CUT_OFF.exec(line)?.groups?.['name'] ?? []);
  if (names.length > 0)
    throw new ConfigError(
      names.map((name) => `${name}: expected no # in ${path}, where it starts a comment; write %23`),
    );
  process.loadEnvFile(path);
}
