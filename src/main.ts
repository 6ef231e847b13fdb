import { existsSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import type { CliContext } from './cli/context.ts';
import { withDatabase } from './cli/database.ts';
import { runImport } from './cli/import.ts';
import { runMigrate } from './cli/migrate.ts';
import { parseSeedOptions, runSeed, type SeedOptionTexts } from './cli/seed.ts';
import { runStart } from './cli/start.ts';
import { ConfigError, parseConfig } from './config.ts';
import { exposedCode } from './errors.ts';
import { UserError } from './user-error.ts';

// Exit codes follow sysexits.h: 64 usage, 69 unavailable, 70 software, 78 configuration.
const USAGE = 64;
const UNAVAILABLE = 69;
const SOFTWARE = 70;
const CONFIGURATION = 78;

// What the environment itself says goes before the file.
if (existsSync('.env')) process.loadEnvFile('.env');

const stopping = new AbortController();
for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.on(signal, () => {
    // The second one means it: children end with this process.
    if (stopping.signal.aborted) process.exit(exitCode);
    stopping.abort();
  });

const cli: CliContext = {
  env: process.env,
  signal: stopping.signal,
  stdout: process.stdout,
  stderr: process.stderr,
};

async function run(command: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await command();
  } catch (error) {
    process.exitCode = explain(error);
  }
}

/** Tells what went wrong, in lines and without a stack trace where it is the user's to mend; gives the exit code. */
function explain(error: unknown): number {
  if (error instanceof ConfigError) return lines(error.message, CONFIGURATION);
  if (error instanceof UserError) return lines(error.message, error.exitCode);
  if (exposedCode(error) === 'SERVICE_UNAVAILABLE')
    return lines('DATABASE_URL: the database cannot be reached.', UNAVAILABLE);
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  if (stopping.signal.aborted && error === stopping.signal.reason) return 130;
  return lines(`Unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, SOFTWARE);
}

function lines(text: string, exitCode: number): number {
  process.stderr.write(`${text}\n`);
  return exitCode;
}

const program = new Command('concierge')
  .description(
    'A GraphQL gateway for customer data (CRM) on MySQL. Settings come from the environment: see .env.example.',
  )
  .exitOverride();

program
  .command('start', { isDefault: true })
  .description('serve; without DATABASE_URL with a database and demo data of its own')
  .action(() => run(() => runStart(cli)));

program
  .command('migrate')
  .description('bring the tables to this version')
  .action(() => run(() => runMigrate(cli)));

program
  .command('seed')
  .description('fill a database with deterministic data of any size; the same command goes on after an interruption')
  .requiredOption('--customers <number>', 'how many customers')
  .option('--orders-per-customer <number>', 'how many orders a customer has on average', '5')
  .option('--seed <number>', 'another seed gives other people', '1')
  .option('--reset', 'delete all rows first')
  .action((options: SeedOptionTexts) =>
    run(async () => {
      const args = parseSeedOptions(options);
      return withDatabase(parseConfig(cli.env), cli, (databaseUrl) => runSeed(args, cli, databaseUrl));
    }),
  );

program
  .command('import')
  .description(
    'take in agents, customers, products, orders and tickets from CSV files; again and again without doubles',
  )
  .argument('<folder>', 'where the CSV files are')
  .requiredOption('--mapping <file>', 'what is what in the files; docs/importing.md')
  .option('--rejects <folder>', 'where rejected rows go, with line and reason (.data/import/<mapping>)')
  .action((folder: string, options: { mapping: string; rejects?: string }) =>
    run(() =>
      withDatabase(parseConfig(cli.env), cli, (databaseUrl) => runImport({ folder, ...options }, cli, databaseUrl)),
    ),
  );

await run(async () => {
  await program.parseAsync();
  return Number(process.exitCode ?? 0);
});

// The command has ended and closed what it had. A timer of a request that was cut off holds the process no longer.
setTimeout(() => process.exit(), 250).unref();
