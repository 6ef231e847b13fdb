import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { Argument, Command, CommanderError, type Option } from 'commander';
import { StopSignal, type CliContext, type FaultHandlers } from './cli/context.ts';
import type { ApiKeyOptions } from './cli/api-keys.ts';
import type { CacheOptions } from './cli/cache.ts';
import { loadEnvFile } from './cli/env-file.ts';
import type { ExplainOptions } from './cli/explain.ts';
import { helpEnd } from './cli/help.ts';
import type { SeedOptionTexts } from './cli/seed.ts';
import type { VerifyArguments } from './cli/verify.ts';
import { ConfigError, parseConfig } from './config.ts';
import { isDenied, serverWords } from './db/errors.ts';
import { codeOf, OperatorError, quoted } from './errors.ts';
import { CliError, EXIT } from './cli-error.ts';
import manifest from '../package.json' with { type: 'json' };

// The commands are imported when they run: most of the time that `--help` or a wrong setting takes would be spent on loading them.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/concierge'));

// On Ctrl-C the terminal signals npm as well, which forwards it, so a single Ctrl-C may arrive twice.
const ECHO_MS = 1_000;
const stopping = new AbortController();
let firstSignalMs = 0;
for (const [signal, exitCode] of [
  ['SIGINT', EXIT.interrupted],
  ['SIGTERM', EXIT.terminated],
] as const)
  process.on(signal, () => {
    if (!stopping.signal.aborted) {
      firstSignalMs = performance.now();
      stopping.abort(new StopSignal(signal));
    } else if (performance.now() - firstSignalMs > ECHO_MS) {
      // A second signal forces an exit; child processes end with this one.
      process.exit(exitCode);
    }
  });

// Ends a command like an error that it throws. A gateway that serves requests takes over and keeps running.
let handlers: FaultHandlers = {
  uncaught: (error) => process.exit(tell(error)),
  unprinted: (error) => process.exit(tellUnprinted(error)),
  warned: ({ name, message }) => void process.stderr.write(`${name}: ${message}\n`),
};
process.on('uncaughtException', (error) => handlers.uncaught(error));
// In place of Node's own, which prints them; there is none with NODE_NO_WARNINGS=1.
if (process.listenerCount('warning') > 0)
  process.removeAllListeners('warning').on('warning', (warning) => handlers.warned(warning));
for (const stream of [process.stdout, process.stderr]) stream.on('error', (error) => handlers.unprinted(error));

const cli: CliContext = {
  env: process.env,
  signal: stopping.signal,
  serving(own) {
    handlers = own;
  },
  stdout: process.stdout,
  stderr: process.stderr,
};

const warn = (line: string): void => void cli.stderr.write(`${line}\n`);

/** Finds or starts the servers of a command, and tells their caches of what it writes. */
const servers = async () => ({ ...(await import('./cli/database.ts')), ...(await import('./cli/invalidation.ts')) });

async function run(command: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await command();
  } catch (error) {
    process.exitCode = tell(error);
  }
}

/** Reports an error, without a stack trace if the user can fix it; returns the exit code. */
function tell(error: unknown): number {
  if (error instanceof ConfigError) return lines(error.message, EXIT.configuration);
  if (error instanceof CliError) return lines(error.message, error.exitCode);
  if (error instanceof OperatorError) return lines(error.message, 1);
  if (codeOf(error) === 'SERVICE_UNAVAILABLE')
    return lines(`DATABASE_URL: the database cannot be reached: ${serverWords(error)}`, EXIT.unavailable);
  if (isDenied(error))
    return lines(`DATABASE_URL: its account may not do this: ${serverWords(error)}`, EXIT.noPermission);
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  if (stopping.signal.aborted && error === stopping.signal.reason) return EXIT.interrupted;
  return lines(`Unexpected: ${Error.isError(error) ? (error.stack ?? error.message) : String(error)}`, EXIT.software);
}

/** The exit code for output whose reader is gone, as after `| head`, or that cannot be written. */
function tellUnprinted(error: NodeJS.ErrnoException): number {
  return error.code === 'EPIPE'
    ? EXIT.brokenPipe
    : lines(`The output cannot be written: ${error.message}`, EXIT.inputOutput);
}

function lines(text: string, exitCode: number): number {
  process.stderr.write(`${text}\n`);
  return exitCode;
}

const program = new Command('concierge')
  .description(
    'A GraphQL gateway for customer data (CRM) on MySQL. Settings come from the environment: see .env.example.',
  )
  .version(manifest.version)
  .addHelpText('after', '\nThe help of each command has examples and exit codes: npm run seed -- --help')
  .exitOverride();

program
  .command('start', { isDefault: true })
  .description('start the gateway; without DATABASE_URL, with its own database and demo data')
  .action(() =>
    run(async () => {
      const config = parseConfig(cli.env);
      const { runStart } = await import('./cli/start.ts');
      return runStart(config, cli);
    }),
  );

program
  .command('migrate')
  .description('migrate the tables to this version')
  .action(() =>
    run(async () => {
      const config = parseConfig(cli.env, { serves: false });
      const { runMigrate } = await import('./cli/migrate.ts');
      return runMigrate(config, cli);
    }),
  );

program
  .command('seed')
  .description('fill a database with generated data of any size, the same every time; continues after an interruption')
  .requiredOption('--customers <number>', 'how many customers')
  .option('--orders-per-customer <number>', 'how many orders a customer has on average', '5')
  .option('--seed <number>', 'a different number gives different data', '1')
  .option('--reset', 'delete all rows of all tables first')
  .action((options: SeedOptionTexts) =>
    run(async () => {
      const { parseSeedOptions, runSeed } = await import('./cli/seed.ts');
      const args = parseSeedOptions(options);
      const config = parseConfig(cli.env, { serves: false });
      const { cacheOf, warnOfCaches, withServers } = await servers();
      return withServers({ config, cli }, async ({ databaseUrl }) => {
        const code = await runSeed({ ...args, cache: cacheOf(config) }, cli, databaseUrl);
        if (args.reset) warnOfCaches(config, warn);
        return code;
      });
    }),
  );

program
  .command('import')
  .description('import agents, customers, products, orders and tickets from CSV files; can be repeated')
  .argument('<folder>', 'the folder with the CSV files')
  .requiredOption('--mapping <file>', 'the mapping file, which describes the columns; see docs/importing.md')
  .option(
    '--rejects <folder>',
    'the folder for lists of rejected rows and of values left empty, with line and reason (default: .data/import/<mapping>)',
  )
  .action((folder: string, options: { mapping: string; rejects?: string }) =>
    run(async () => {
      const config = parseConfig(cli.env, { serves: false });
      const { assertImportable, runImport } = await import('./cli/import.ts');
      const { cacheOf, warnOfCaches, withServers } = await servers();
      const args = { folder, ...options, cache: cacheOf(config) };
      await assertImportable(args);
      return withServers({ config, cli }, async ({ databaseUrl }) => {
        const code = await runImport(args, cli, databaseUrl);
        warnOfCaches(config, warn);
        return code;
      });
    }),
  );

program
  .command('explain')
  .description(
    'show how the database answers every statement that the schema can cause; exit code 1 when one reads too much',
  )
  .option(
    '--customers <number>',
    'without DATABASE_URL: how many customers to load into a temporary database (default: 2000)',
  )
  .option('--only <name>', 'only statements whose names begin with this, such as Customer.orders')
  .option('--json', 'print everything as JSON instead of a table')
  .action((options: ExplainOptions) =>
    run(async () => {
      const config = parseConfig(cli.env, { serves: false });
      const { runExplain } = await import('./cli/explain.ts');
      return runExplain(options, config, cli);
    }),
  );

program
  .command('verify')
  .description('check a database for contradictions, while it is in use; see docs/verify.md')
  .option('--all', 'print every contradiction (drift), not only the first 100')
  .option('--json', 'print a line of JSON for each contradiction and for the summary')
  .option('--repair', 'recalculate totals and copies')
  .action((options: VerifyArguments) =>
    run(async () => {
      const config = parseConfig(cli.env, { serves: false });
      const { runVerify } = await import('./cli/verify.ts');
      const { cacheOf, warnOfCaches, withServers } = await servers();
      // Keeps stdout free of everything but drifts, for machines that read it.
      const needed = { config, cli: { ...cli, stdout: cli.stderr }, migrates: false };
      return withServers(needed, async ({ databaseUrl }) => {
        const code = await runVerify({ ...options, cache: cacheOf(config) }, cli, databaseUrl);
        if (options.repair === true) warnOfCaches(config, warn);
        return code;
      });
    }),
  );

program
  .command('cache')
  .description('explain what the response cache does for a query, and why; stores nothing; see docs/cache.md')
  .addArgument(new Argument('<action>').choices(['explain']))
  .argument('<query>', 'the GraphQL query')
  .option('--variables <json>', 'its variables')
  .option('--operation <name>', 'which operation of the document')
  .option(
    '--scopes <scopes>',
    'what its caller may do, comma-separated; necessary where callers have tokens or API keys',
  )
  .option(
    '--owner <id>',
    "the id of the agent whose customers are the only ones that its caller may see: the token's owner",
  )
  .option('--subject <text>', "who its caller is: the token's sub, for fields that are kept for each person")
  .option('--json', 'print the report as JSON instead of text')
  .action((_: string, query: string, options: CacheOptions) =>
    run(async () => {
      const { parseCacheRequest, runCacheExplain } = await import('./cli/cache.ts');
      const request = parseCacheRequest(query, options);
      const config = parseConfig(cli.env);
      const { parseCaller } = await import('./cli/caller-options.ts');
      const caller = parseCaller(options, config);
      const { withServers } = await import('./cli/database.ts');
      // Keeps stdout free of everything but the report, for machines that read it.
      // An empty Redis of its own beside the given database would only mislead.
      const isDemo = config.databaseUrl === undefined;
      const needed = { config, cli: { ...cli, stdout: cli.stderr }, redis: isDemo, migrates: isDemo };
      return withServers(needed, (found) =>
        runCacheExplain({ request, caller, json: options.json === true, config: { ...config, ...found } }, cli),
      );
    }),
  );

program
  .command('api-keys')
  .description('create, list or revoke API keys for machines (AUTH_API_KEYS=true); see docs/access.md')
  .addArgument(new Argument('<action>').choices(['create', 'list', 'revoke']))
  .argument('[id]', 'the id of the key to revoke')
  .option('--name <text>', 'who uses the new key; the history of changes shows it')
  .option('--scopes <scopes>', 'what it may do, comma-separated, such as crm:read,crm:write')
  .option('--owner <id>', 'the id of an agent whose customers are the only ones that it may see; all without it')
  .option('--expires <when>', 'when it expires: a number of days such as 90d, or a date such as 2027-01-31')
  .action((action: string, id: string | undefined, options: ApiKeyOptions) =>
    run(async () => {
      const { parseApiKeyAction, runApiKeys } = await import('./cli/api-keys.ts');
      const wanted = parseApiKeyAction(action, id, options);
      const config = parseConfig(cli.env, { serves: false });
      const { withServers } = await import('./cli/database.ts');
      // Keeps stdout free of everything but the key or the list.
      const needed = { config, cli: { ...cli, stdout: cli.stderr } };
      return withServers(needed, ({ databaseUrl }) => runApiKeys(wanted, cli, databaseUrl));
    }),
  );

/** Commander would take an unknown command for an argument of the default one. */
function assertCommand(word: string | undefined): void {
  const names = [...program.commands.map((command) => command.name()), 'help'];
  if (word === undefined || word.startsWith('-') || names.includes(word)) return;
  throw new CliError(`unknown command ${quoted(word)}: expected one of ${names.join(', ')}`, { exitCode: EXIT.usage });
}

for (const command of program.commands) {
  command.addHelpText('after', helpEnd(command.name()));
  for (const option of command.options) refuseTwice(command, option);
}

/** Commander would silently use the last one. */
function refuseTwice(command: Command, option: Option): void {
  let isGiven = false;
  command.on(`option:${option.name()}`, () => {
    if (isGiven) command.error(`error: option '${option.flags}' was given twice`);
    isGiven = true;
  });
}

await run(async () => {
  if (existsSync('.env')) loadEnvFile('.env');
  assertCommand(process.argv[2]);
  await program.parseAsync();
  return Number(process.exitCode ?? 0);
});

// The command has ended and released its resources. A leftover timer of an aborted request must not keep the process alive.
setTimeout(() => process.exit(), 250).unref();
