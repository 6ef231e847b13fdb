import type { CacheLocation } from '../cache/outside-invalidation.ts';
import type { CliContext } from './context.ts';
import { withInvalidation } from './invalidation.ts';
import type { Drift } from '../data/verify/check.ts';
import { createProgressReport, formatCount, type ProgressReport } from '../data/progress-report.ts';
import { verifyDatabase, type VerifyResult } from '../data/verify/verify-database.ts';
import { EXIT } from '../cli-error.ts';

/** The arguments of `npm run verify`. */
export interface VerifyArguments {
  /** Print a line for every drift instead of the first 100. */
  readonly all?: boolean | undefined;
  /** Print JSON lines instead of text. */
  readonly json?: boolean | undefined;
  readonly repair?: boolean | undefined;
  /** The cache to invalidate after repairs; undefined when there is no Redis. */
  readonly cache?: CacheLocation | undefined;
}

const DRIFT_EXIT_CODE = 1;
const MAX_LINES = 100;

/**
 * `npm run verify`: checks a database's consistency. Drifts and a summary go to `cli.stdout`, progress to `cli.stderr`.
 * @returns the exit code: 0 when it is consistent, 1 when it was not (repaired or not), 130 when interrupted
 * @throws CliError from `verifyDatabase`
 */
export async function runVerify(args: VerifyArguments, cli: CliContext, databaseUrl: string): Promise<number> {
  const cache = args.repair === true ? args.cache : undefined;
  const report = (line: string): void => void cli.stderr.write(`${line}\n`);
  return withInvalidation({ cache, report }, () => verifyAndTell(args, cli, databaseUrl));
}

async function verifyAndTell(args: VerifyArguments, cli: CliContext, databaseUrl: string): Promise<number> {
  let progress: ProgressReport | undefined;
  let lines = 0;
  const startedMs = performance.now();
  const result = await verifyDatabase({
    databaseUrl,
    repairs: args.repair === true,
    signal: cli.signal,
    found(drift) {
      lines += 1;
      if (args.all !== true && lines > MAX_LINES) return;
      // Clears the progress bar, which is redrawn below the line.
      if (cli.stderr.isTTY) cli.stderr.write('\r\u001B[K');
      cli.stdout.write(`${args.json === true ? JSON.stringify(drift) : driftText(drift)}\n`);
    },
    report({ idsDone, ids, rows }) {
      progress ??= createProgressReport(cli.stderr, { unit: 'ids of customers and orders', total: ids, done: 0 });
      progress.update(idsDone, rows);
    },
  }).finally(() => progress?.stop());
  const seconds = (performance.now() - startedMs) / 1_000;
  cli.stdout.write(
    `${args.json === true ? summaryJson(result, seconds) : summaryText(result, { ...args, seconds })}\n`,
  );
  if (result.isInterrupted) return EXIT.interrupted;
  return result.counts.size > 0 ? DRIFT_EXIT_CODE : 0;
}

function driftText({ table, key, field, expected, found, isRepaired }: Drift): string {
  const row = Object.entries(key).map(([column, value]) => `${column}=${value}`);
  const end = isRepaired ? ' (repaired)' : '';
  return `${table} ${row.join(' ')}: ${field}: expected ${expected}, found ${found}${end}`;
}

const countOf = ({ counts }: VerifyResult): number => [...counts.values()].reduce((sum, count) => sum + count, 0);

function summaryJson(result: VerifyResult, seconds: number): string {
  const { isInterrupted, rows, repaired, counts } = result;
  const summary = {
    isInterrupted,
    rows,
    seconds,
    drifts: countOf(result),
    repaired,
    counts: Object.fromEntries(counts),
  };
  return JSON.stringify({ summary });
}

function summaryText(result: VerifyResult, { all, seconds }: VerifyArguments & { seconds: number }): string {
  const { isInterrupted, rows, repaired, counts } = result;
  const drifts = countOf(result);
  const lines: string[] = [];
  if (all !== true && drifts > MAX_LINES) lines.push(`... and ${formatCount(drifts - MAX_LINES)} more: --all`);
  for (const [kind, count] of counts) lines.push(`${formatCount(count).padStart(9)}  ${kind}`);
  const rate = formatCount(Math.round(rows / seconds));
  lines.push(`Checked ${formatCount(rows)} rows in ${seconds.toFixed(1)} s, ${rate} rows/s.`);
  if (isInterrupted) lines.push('Stopped before the end.');
  if (drifts === 0) lines.push(isInterrupted ? 'No drift so far.' : 'No drift.');
  else
    lines.push(`Found ${formatCount(drifts)} ${drifts === 1 ? 'drift' : 'drifts'}, repaired ${formatCount(repaired)}.`);
  return lines.join('\n');
}
