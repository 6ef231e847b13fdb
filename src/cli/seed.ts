import type { CacheLocation } from '../cache/outside-invalidation.ts';
import type { CliContext } from './context.ts';
import { withInvalidation } from './invalidation.ts';
import { CliError, EXIT } from '../cli-error.ts';
import { createProgressReport, formatCount, type ProgressReport } from '../data/progress-report.ts';
import type { SeedParameters } from '../data/seed/plan.ts';
import { differencesText } from '../data/seed/progress-table.ts';
import { seedDatabase, type SeedResult } from '../data/seed/seed-database.ts';

/** The arguments of `npm run seed`. */
export interface SeedArguments extends SeedParameters {
  readonly reset: boolean;
  /** The cache to invalidate; undefined when there is no Redis. */
  readonly cache?: CacheLocation | undefined;
}

/** The options as typed; undefined if not given. */
export interface SeedOptionTexts {
  readonly customers?: string | undefined;
  readonly ordersPerCustomer?: string | undefined;
  readonly seed?: string | undefined;
  readonly reset?: boolean | undefined;
}

const MAX_CUSTOMERS = 100_000_000;
const MAX_ORDERS_PER_CUSTOMER = 100;
const MAX_SEED = 4_294_967_295;

/**
 * Parses the command's options as commander passes them (`--orders-per-customer` as `ordersPerCustomer`).
 * @throws CliError (exit code 64, EX_USAGE) naming the option, what was expected and what came
 */
export function parseSeedOptions(given: SeedOptionTexts): SeedArguments {
  return {
    customers: wholeNumber('--customers', given.customers, { min: 1, max: MAX_CUSTOMERS }),
    ordersPerCustomer: wholeNumber('--orders-per-customer', given.ordersPerCustomer ?? '5', {
      min: 0,
      max: MAX_ORDERS_PER_CUSTOMER,
    }),
    seed: wholeNumber('--seed', given.seed ?? '1', { min: 0, max: MAX_SEED }),
    reset: given.reset === true,
  };
}

function wholeNumber(name: string, given: string | undefined, range: { min: number; max: number }): number {
  const text = (given ?? '').replaceAll(/[_,](?=\d{3})/g, '');
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= range.min && value <= range.max) return value;
  const came = given === undefined ? 'nothing' : `"${given}"`;
  throw new CliError(`${name}: expected a whole number from ${range.min} to ${range.max}, got ${came}`, {
    exitCode: EXIT.usage,
  });
}

/**
 * `npm run seed`: fills a migrated database with deterministic data, and shows progress on `cli.stdout`.
 * @returns the exit code: 0 when complete, 130 when interrupted (the same command continues)
 * @throws CliError from `seedDatabase`
 */
export async function runSeed(args: SeedArguments, cli: CliContext, databaseUrl: string): Promise<number> {
  const report = (line: string): void => void cli.stdout.write(`${line}\n`);
  return withInvalidation({ cache: args.cache, report }, () => seedAndTell(args, cli, databaseUrl));
}

async function seedAndTell(args: SeedArguments, cli: CliContext, databaseUrl: string): Promise<number> {
  let progress: ProgressReport | undefined;
  const startedMs = performance.now();
  const result = await seedDatabase({
    ...args,
    databaseUrl,
    signal: cli.signal,
    report({ customersDone, customers, rows }) {
      progress ??= createProgressReport(cli.stdout, { unit: 'customers', total: customers, done: customersDone });
      progress.update(customersDone, rows);
    },
  }).finally(() => progress?.stop());
  cli.stdout.write(`${lastLine(result, (performance.now() - startedMs) / 1_000)}\n`);
  return result.outcome === 'interrupted' ? EXIT.interrupted : 0;
}

function lastLine(result: SeedResult, seconds: number): string {
  const customers = formatCount(result.customers);
  if (result.outcome === 'complete') {
    const { differences } = result;
    const since = differences.length === 0 ? '' : `It has written ${differencesText(differences)}. `;
    const way = differences.length === 0 ? '' : ' Use --reset to delete every row and start over.';
    return `The seed of ${customers} customers is complete already. ${since}Nothing was changed.${way}`;
  }
  if (result.outcome === 'interrupted')
    return `Stopped at ${formatCount(result.customersDone)} of ${customers} customers; run the same command again to continue.`;
  const rate = formatCount(Math.round(result.rows / seconds));
  return `Seeded ${customers} customers: ${formatCount(result.rows)} rows in ${seconds.toFixed(1)} s, ${rate} rows/s.`;
}
