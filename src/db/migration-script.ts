import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../user-error.ts';

export interface Migration {
  /** The folder's name, `<time>_<name>`: its order is the order of application. */
  readonly name: string;
  readonly script: string;
  /** SHA-256 of the script in lower-case hexadecimal, as Prisma Migrate records it. */
  readonly checksum: string;
  readonly statements: readonly string[];
}

/**
 * Reads migrations kept in Prisma Migrate's layout: a folder each, holding migration.sql.
 * @returns in order of application
 * @throws UserError when there are none, a script is missing, or one creates a stored program with a body
 */
export async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new UserError(`The migrations folder ${folder} cannot be read`, { cause: error });
  });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  if (names.length === 0) throw new UserError(`There are no migrations in ${folder}`);
  return Promise.all(names.sort().map((name) => readMigration(name, join(folder, name, 'migration.sql'))));
}

/** As Prisma does, a script matches whichever line ends it was recorded with: git changes them between systems. */
export function matchesChecksum({ script }: Pick<Migration, 'script'>, checksum: string): boolean {
  const forms = [script, script.replaceAll('\r\n', '\n'), script.replaceAll('\n', '\r\n')];
  return forms.some((form) => checksumOf(form) === checksum);
}

// In this order: what is executed (/*! */) comes before what is a comment, and an open end takes all that is left.
const token =
  /(?<text>'(?:[^'\\]|\\[^])*(?:'|$)|"(?:[^"\\]|\\[^])*(?:"|$)|`[^`]*(?:`|$)|\/\*M?![^]*?(?:\*\/|$))|(?<comment>\/\*[^]*?(?:\*\/|$)|#[^\n]*|--(?=\s|$)[^\n]*)|(?<end>;)|[^'"`/#;-]+|[^]/gy;

/**
 * Splits a script at the semicolons outside of quotes and comments, so that each statement can be sent, and named, on
 * its own. Comments before a statement are dropped, those within it stay. Knows no stored programs, whose bodies hold
 * semicolons, and no DELIMITER, which is the mysql client's.
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
    throw new UserError(`The migration ${name} has no readable ${path}`, { cause: error });
  });
  const statements = splitStatements(script);
  if (statements.some((statement) => storedProgram.test(statement)))
    throw new UserError(
      `The migration ${name} creates a stored program with BEGIN ... END, which is not supported here`,
    );
  return { name, script, checksum: checksumOf(script), statements };
}

function checksumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
