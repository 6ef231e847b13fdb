import type { Connection } from 'mariadb';
import { createRandom } from '../../src/data/seed/random.ts';
import { verifyDatabase, type VerifyResult } from '../../src/data/verify/verify-database.ts';
import { pause } from '../support/patience.ts';
import { startOwnServers, withConnection, type OwnServers } from '../support/servers.ts';
import { findViolations } from './check.ts';
import { runClient, type SentWrite } from './client.ts';
import { breakThings, FAULTS, type Fault } from './faults.ts';
import { startGateways, type Gateways } from './gateways.ts';
import { Model } from './model.ts';
import { AGENTS } from './mutation.ts';
import { PRODUCTS } from './mutations.ts';

export interface ChaosOptions {
  /** Determines what is written and what breaks, and in which order, but not the timing. */
  readonly seed: number;
  /** The run continues until this is true, and every fault has occurred once. */
  readonly isEnough: (done: Done) => boolean | Promise<boolean>;
  readonly clients?: number;
  /** Default: all. */
  readonly faults?: readonly Fault[];
  /** A fault planted in the harness itself, to verify that it is detected. */
  readonly isKeyForgotten?: boolean;
}

/** What was done, and the outcome. */
export interface Done {
  /** Writes that clients made. */
  readonly sent: number;
  readonly acknowledged: number;
  /** How many of them were refused, by code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly byMutation: Readonly<Record<string, number>>;
  /** Requests made for a write beyond its first. */
  readonly retried: number;
  readonly faults: Readonly<Record<string, number>>;
}

/** The same, at the end of the run. */
export interface Figures extends Done {
  /** By metric name, as in `/metrics`. */
  readonly counted: Readonly<Record<string, number>>;
}

/** Clients, two gateways and servers that may be broken. */
export interface Chaos {
  /** All writes so far. */
  readonly journal: readonly SentWrite[];
  /** Lets clients write while things break, until everything is acknowledged. */
  readonly run: () => Promise<Figures>;
  /** A sentence for each violation seen during the run or found in the database now. */
  readonly violations: (connection: Connection) => Promise<readonly string[]>;
  /** What gateways have counted so far, by metric name. */
  readonly counted: Gateways['counted'];
  /** The drifts found by the project's own verification. */
  readonly drifts: () => Promise<VerifyResult['drifts']>;
  readonly withDatabase: <Result>(work: (connection: Connection) => Promise<Result>) => Promise<Result>;
  readonly close: () => Promise<void>;
}

/** Starts servers and gateways, with no customers and a few agents and products. */
export async function startChaos(options: ChaosOptions): Promise<Chaos> {
  // If the database is killed, everything that was acknowledged must survive.
  const servers = await startOwnServers({ isDurable: options.faults === undefined || options.faults.length > 0 });
  const seen: string[] = [];
  const journal: SentWrite[] = [];
  const violation = (sentence: string) => void seen.push(sentence);
  const withDatabase: Chaos['withDatabase'] = (work) => withConnection(servers.database.url, work);
  await withDatabase(async (connection) => {
    await connection.batch(
      'INSERT INTO agents (id, name, updated_at) VALUES (?, ?, UTC_TIMESTAMP(3))',
      Array.from({ length: AGENTS }, (_, i) => [i + 1, `Agent ${i + 1}`]),
    );
    await connection.batch(
      'INSERT INTO products (id, sku, name, price, currency, updated_at) VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(3))',
      Array.from({ length: PRODUCTS }, (_, i) => [i + 1, `P-${i + 1}`, 'Product', i * 7 + 1, i % 2 ? 'JPY' : 'EUR']),
    );
  });
  const gateways = await startGateways(servers, violation);
  return {
    journal,
    run: () => run({ servers, gateways, journal, violation }, options),
    violations: async (connection) => [...seen, ...(await findViolations(connection, journal))],
    counted: gateways.counted,
    drifts: async () => (await verifyDatabase({ databaseUrl: servers.database.url })).drifts,
    withDatabase,
    async close() {
      await gateways.close();
      await servers.close();
    },
  };
}

interface Running {
  readonly servers: OwnServers;
  readonly gateways: Gateways;
  readonly journal: SentWrite[];
  readonly violation: (sentence: string) => void;
}

async function run({ servers, gateways, journal, violation }: Running, options: ChaosOptions): Promise<Figures> {
  const { seed, isEnough, clients = 12, faults = FAULTS } = options;
  const broken: Record<string, number> = {};
  const clientsStop = new AbortController();
  const faultsStop = new AbortController();
  const shared = { gateways, model: new Model(), journal, violation, isKeyForgotten: options.isKeyForgotten ?? false };
  const mistaken = (error: unknown) =>
    violation(error instanceof Error ? (error.stack ?? error.message) : String(error));
  const isStopped = () => clientsStop.signal.aborted;
  const writing = Array.from({ length: clients }, (_, i) =>
    runClient(shared, createRandom(seed, i + 1), isStopped).catch(mistaken),
  );
  const count = (name: string) => void (broken[name] = (broken[name] ?? 0) + 1);
  const breaking = breakThings(
    { servers, gateways, faults, broken: count },
    createRandom(seed, 0),
    faultsStop.signal,
  ).catch(mistaken);
  const ended = new AbortController();
  void Promise.all(writing).then(() => ended.abort());
  while (!ended.signal.aborted && !(await isEnough(doneIn(journal, broken)))) await pause(50);
  faultsStop.abort();
  await breaking;
  clientsStop.abort();
  await Promise.all(writing);
  return {
    ...doneIn(journal, broken),
    counted: Object.fromEntries(await gateways.counted()),
  };
}

function doneIn(journal: readonly SentWrite[], faults: Readonly<Record<string, number>>): Done {
  const told = journal.filter(({ outcome }) => outcome !== undefined);
  return {
    sent: journal.length,
    acknowledged: told.length,
    refused: tally(told.flatMap(({ outcome }) => outcome?.userErrors.map(({ code }) => code) ?? [])),
    byMutation: tally(journal.map(({ mutation }) => mutation.name)),
    retried: journal.reduce((sum, { tries }) => sum + tries - 1, 0),
    faults,
  };
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** The figures, for people watching a run. */
export function linesOf({ sent, acknowledged, retried, ...counts }: Figures): readonly string[] {
  return [
    `${sent} writes, ${acknowledged} acknowledged, ${retried} requests sent again`,
    ...Object.entries({
      'By mutation': counts.byMutation,
      Refused: counts.refused,
      Broken: counts.faults,
      'Counted by the gateways (what a killed one counted last is lost)': counts.counted,
    }).map(([what, each]) => `${what}: ${listed(each)}`),
  ];
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
