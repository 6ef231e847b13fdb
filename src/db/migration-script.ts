import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from '../cli-error.ts';

export interface Migration {
  /** The folder's name, `<time>_<name>`. Names sort in the order of application. */
  readonly name: string;
  readonly script: string;
  /** SHA-256 of the script in lower-case hexadecimal, as Prisma Migrate records it. */
  readonly checksum: string;
  readonly statements: readonly string[];
}

/**
 * Reads migrations in Prisma Migrate's layout: one folder each, with a migration.sql.
 * @returns in order of application
 * @throws CliError when there are none, a script is missing, or one creates a stored program with a body
 */
export async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new CliError(`The migrations folder ${folder} cannot be read`, { cause: error });
  });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  if (names.length === 0) throw new CliError(`There are no migrations in ${folder}`);
  return Promise.all(names.sort().map((name) => readMigration(name, join(folder, name, 'migration.sql'))));
}

/** Like Prisma, accepts the checksum with either kind of line ending, since git converts them between systems. */
export function matchesChecksum({ script }: Pick<Migration, 'script'>, checksum: string): boolean {
  const forms = [script, script.replaceAll('\r\n', '\n'), script.replaceAll('\n', '\r\n')];
  return forms.some((form) => checksumOf(form) === checksum);
}

// The order matters: executable comments (/*! */) come before ordinary ones. Anything left open extends to the end.
const token =
  /(?<text>'(?:[^'\\]|\\[^])*(?:'|$)|"(?:[^"\\]|\\[^])*(?:"|$)|`[^`]*(?:`|$)|\/\*M?![^]*?(?:\*\/|$))|(?<comment>\/\*[^]*?(?:\*\/|$)|#[^\n]*|--(?=\s|$)[^\n]*)|(?<end>;)|[^'"`/#;-]+|[^]/gy;

/**
 * Splits a script at semicolons outside of quotes and comments, so that each statement can be sent, and reported, on its own.
 * Drops comments before a statement and keeps those within it. Supports neither stored programs, whose bodies contain
 * semicolons, nor DELIMITER, which belongs to the mysql client.
 * @see https://dev.mysql.com/doc/refman/8.4/en/comments.html
 */
export function splitStatements(script: string): readonly string[] {
  const statements: string[] = [];
  let statement = '';
  for (const match of script.matchAll(token)) {
    const { comment, end } = match.groups ?? {};
    if (end !== undefined) {
      statements.push(statement.trim());
      statement = '';
    } else if (comment === undefined || statement.trim() !== '') statement += match[0];
  }
  return [...statements, statement.trim()].filter((text) => text !== '');
}

const storedProgram =
  /^create\s+(?:or\s+replace\s+)?(?:definer\s*=\s*\S+\s+)?(?:procedure|function|trigger|event)\b[^]*\bbegin\b/i;

async function readMigration(name: string, path: string): Promise<Migration> {
  const script = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new CliError(`The migration ${name} has no readable ${path}`, { cause: error });
  });
  const statements = splitStatements(script);
  if (statements.some((statement) => storedProgram.test(statement)))
    throw new CliError(
      `The migration ${name} creates a stored program with BEGIN ... END, which is not supported here`,
    );
  return { name, script, checksum: checksumOf(script), statements };
}

function checksumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
