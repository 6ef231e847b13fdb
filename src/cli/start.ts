import { createApp } from '../app.ts';
import type { Config } from '../config.ts';
import { seedDatabase } from '../data/seed/seed-database.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { CliError, EXIT } from '../cli-error.ts';
import { addressError, assertFreeAddress, authority } from './address.ts';
import { inLog, inText, type Announcer } from './announce.ts';
import { StopSignal, type CliContext } from './context.ts';
import { withServers, type Servers } from './database.ts';

/** The seed that `npm start` loads into its embedded database. */
export const DEMO = { customers: 2_000, ordersPerCustomer: 5, seed: 1 } as const;

/**
 * `npm start`: checks that its address is free, finds or starts the servers, migrates, loads demo data into an embedded
 * database, and serves until it is told to stop.
 * @returns the exit code, 0 after a graceful stop
 * @throws CliError and OperatorError for problems that the user can fix
 */
export async function runStart(config: Config, cli: CliContext): Promise<number> {
  const isProduction = config.environment === 'production';
  const readable = !isProduction && cli.stdout.isTTY;
  const log = createLog({ level: config.logLevel, readable, destination: cli.stdout });
  const announcer = isProduction ? inLog(log) : inText((line) => void cli.stdout.write(`${line}\n`));
  const { step: report } = announcer;
  await assertFreeAddress(config);
  // In production, a missing database more likely means a wrong name.
  const needed = { config, cli, redis: true, createsDatabase: !isProduction, report };
  const code = await withServers(needed, async (servers) => {
    if (config.databaseUrl === undefined) await loadDemo(servers.databaseUrl, cli, report);
    return serve({ ...config, ...servers }, cli, { log, announcer });
  });
  announcer.stopped();
  return code;
}

async function serve(
  config: Config & Servers,
  cli: CliContext,
  { log, announcer }: { readonly log: Log; readonly announcer: Announcer },
): Promise<number> {
  const nodeFlags = [...(cli.env['NODE_OPTIONS'] ?? '').split(/\s+/), ...process.execArgv];
  const app = await createApp(config, { log, nodeFlags });
  let drainMs = 0;
  try {
    const port = await app.listen().catch((error: unknown) => {
      throw addressError(error, config);
    });
    config.embedded?.reportTo((line) => log.warn(line));
    // From here on, a fault outside of requests must not end those in progress.
    cli.serving(app);
    const host = authority(config.host === '127.0.0.1' ? 'localhost' : config.host, port);
    announcer.serves(`http://${host}`, config);
    const reason = await Promise.race([stopSignal(cli.signal), config.embedded?.died ?? stopSignal(cli.signal)]);
    if (reason !== undefined) throw new CliError(reason, { exitCode: EXIT.unavailable });
    // Nobody who presses Ctrl-C has a load balancer that needs time to notice.
    if (cli.signal.reason instanceof StopSignal && cli.signal.reason.signal === 'SIGTERM')
      drainMs = config.shutdownDrainMs;
    announcer.stops(drainMs);
    return 0;
  } finally {
    await app.close({ drainMs });
  }
}

function stopSignal(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/** Loads demo data once; leaves a database that contains other rows unchanged. */
async function loadDemo(databaseUrl: string, { signal }: CliContext, report: (line: string) => void): Promise<void> {
  try {
    const seeding = seedDatabase({ ...DEMO, databaseUrl, signal });
    const { outcome, rows } = await seeding;
    if (outcome === 'seeded') report(`Loaded demo data: ${DEMO.customers} customers, ${rows} rows in all.`);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    report('The database holds data other than the demo data; it is left unchanged.');
  }
}
