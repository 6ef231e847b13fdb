import { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { CacheLocation } from '../cache/outside-invalidation.ts';
import type { CliContext } from './context.ts';
import { withInvalidation } from './invalidation.ts';
import { importFolder } from '../data/import/import-folder.ts';
import type { Mapping } from '../data/import/mapping-schema.ts';
import { loadMapping } from '../data/import/mapping.ts';
import { summaryText } from '../data/import/summary.ts';
import { formatCount } from '../data/progress-report.ts';
import { CliError, EXIT } from '../cli-error.ts';

/** The arguments of `npm run import`. */
interface ImportArguments {
  /** The folder of the CSV files. */
  readonly folder: string;
  /** The mapping file's path. */
  readonly mapping: string;
  /** Where to write rejected rows and values left empty; default `.data/import/<name of the mapping>`. */
  readonly rejects?: string | undefined;
  /** The cache to invalidate after writes; undefined when there is no Redis. */
  readonly cache?: CacheLocation | undefined;
}

const REJECTED_EXIT_CODE = 1;
const LINE_EVERY_MS = 3_000;

/**
 * Checks what can be checked before servers are looked for or started.
 * @throws CliError: 66 when the folder or the mapping file is missing, 65 when the mapping is wrong
 */
export async function assertImportable({ folder, mapping }: ImportArguments): Promise<void> {
  const found = await stat(folder).catch((error: unknown) => error);
  if (!(found instanceof Stats && found.isDirectory()))
    throw new CliError(`There is no folder ${folder}.`, { exitCode: EXIT.noInput, cause: found });
  await loadMapping(mapping);
}

/**
 * `npm run import`: imports CSV files according to a mapping, and ends with a summary on `cli.stdout`.
 * @returns the exit code: 0 when every row was accepted, 1 when some were rejected, 130 when interrupted
 * @throws CliError: 65 for a wrong mapping or one that does not fit the files, 66 for a missing file, 69 for no database
 */
export async function runImport(args: ImportArguments, cli: CliContext, databaseUrl: string): Promise<number> {
  const mapping = await loadMapping(args.mapping);
  const report = (line: string): void => void cli.stdout.write(`${line}\n`);
  return withInvalidation({ cache: args.cache, report }, (written) =>
    importAndTell({ args, mapping, written }, cli, databaseUrl),
  );
}

async function importAndTell(
  work: { args: ImportArguments; mapping: Mapping; written: () => Promise<void> },
  cli: CliContext,
  databaseUrl: string,
): Promise<number> {
  const { args, mapping, written } = work;
  let shownMs = performance.now();
  const result = await importFolder({
    folder: args.folder,
    mapping,
    rejectsFolder: resolve(args.rejects ?? `.data/import/${mapping.name}`),
    databaseUrl,
    signal: cli.signal,
    written,
    report(summary) {
      if (performance.now() - shownMs < LINE_EVERY_MS) return;
      shownMs = performance.now();
      cli.stdout.write(`${summary.target}: ${formatCount(summary.read)} rows\n`);
    },
  });
  cli.stdout.write(`${summaryText(result.summaries)}\n`);
  if (result.rejects.length > 0)
    cli.stdout.write(`Rejected rows, with line and reason: ${result.rejects.join(', ')}\n`);
  if (result.leftEmpty !== undefined)
    cli.stdout.write(`Values left empty, with file, line, column and reason: ${result.leftEmpty}\n`);
  if (result.cut !== undefined) cli.stdout.write(`Values cut, with file, line, column and reason: ${result.cut}\n`);
  if (result.isInterrupted) {
    cli.stdout.write('Stopped before the end; run the same command again to import the rest.\n');
    return EXIT.interrupted;
  }
  return result.summaries.some((summary) => summary.rejected > 0) ? REJECTED_EXIT_CODE : 0;
}
