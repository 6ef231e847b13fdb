import { apiKeyHash, makeApiKey } from '../access/api-key.ts';
import { CliError } from '../cli-error.ts';
import { globalId } from '../crm/global-id.ts';
import { createDatabase } from '../db/database.ts';
import { quoted } from '../errors.ts';
import type { PrismaClient } from '../generated/prisma/client.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { parseOwner, parseScopes, shown, wrong } from './caller-options.ts';
import type { CliContext } from './context.ts';

export interface ApiKeyOptions {
  readonly name?: string | undefined;
  readonly scopes?: string | undefined;
  readonly owner?: string | undefined;
  readonly expires?: string | undefined;
}

/** What to do, as the command line says. */
export type ApiKeyAction =
  | {
      readonly action: 'create';
      readonly name: string;
      readonly scopes: string;
      /** An agent; null for all customers. */
      readonly ownerId: bigint | null;
      readonly expiresAt: Date;
    }
  | { readonly action: 'list' }
  | { readonly action: 'revoke'; readonly id: bigint };

const DAY_MS = 86_400_000;
const MAX_DAYS = 3_650;
/** The history of changes shows it: letters, digits and so on, without line breaks or blanks around it. */
const NAME = /^[^\s\p{C}](?:[^\p{C}]{0,98}[^\s\p{C}])?$/u;

/** @throws CliError (64) naming what is wrong */
export function parseApiKeyAction(action: string, id: string | undefined, options: ApiKeyOptions): ApiKeyAction {
  const given = Object.keys(options).map((name) => `--${name}`);
  if (action !== 'create' && given.length > 0) throw wrong(`${given.join(', ')}: only "create" takes it`);
  if (action !== 'revoke' && id !== undefined) throw wrong(`expected nothing after "${action}", got ${quoted(id)}`);
  if (action === 'list') return { action };
  if (action === 'revoke') {
    if (id === undefined || !/^[1-9]\d{0,17}$/.test(id))
      throw wrong(`expected the id of a key, as "list" prints it, got ${id === undefined ? 'none' : quoted(id)}`);
    return { action, id: BigInt(id) };
  }
  const { name, scopes, owner, expires } = options;
  if (name === undefined || !NAME.test(name))
    throw wrong(`--name: expected 1 to 100 characters without line breaks, got ${shown(name)}`);
  const agent = parseOwner(owner);
  const ownerId = agent === undefined ? null : BigInt(agent);
  return { action: 'create', name, scopes: parseScopes(scopes).join(' '), ownerId, expiresAt: parseEnd(expires) };
}

function parseEnd(text: string | undefined): Date {
  const [, days] = /^([1-9]\d{0,3})d$/.exec(text ?? '') ?? [];
  const isDate = text !== undefined && /^\d{4}-\d\d-\d\d$/.test(text);
  const end =
    days !== undefined ? new Date(Date.now() + Number(days) * DAY_MS) : new Date(`${isDate ? text : ''}T00:00:00Z`);
  const isOfCalendar =
    days !== undefined || (isDate && !Number.isNaN(end.getTime()) && end.toISOString().startsWith(text));
  const ms = end.getTime() - Date.now();
  if (isOfCalendar && ms > 0 && ms <= MAX_DAYS * DAY_MS) return end;
  throw wrong(
    `--expires: expected a number of days such as 90d, or a date such as ${new Date(Date.now() + 90 * DAY_MS).toISOString().slice(0, 10)}, ` +
      `at most ${MAX_DAYS} days from now, got ${shown(text)}`,
  );
}

/**
 * `npm run api-keys`: makes, lists or revokes API keys. Prints the new key, which is stored nowhere, alone on `cli.stdout`.
 * @returns the exit code, 0
 * @throws CliError (1) when there is no key to revoke
 */
export async function runApiKeys(wanted: ApiKeyAction, cli: CliContext, databaseUrl: string): Promise<number> {
  const db = await createDatabase({ url: databaseUrl, connections: 2, statementMs: 10_000, metrics: createMetrics() });
  try {
    if (wanted.action === 'create') await create(wanted, db.client, cli);
    else if (wanted.action === 'revoke') await revoke(wanted.id, db.client, cli);
    else await list(db.client, cli);
    return 0;
  } finally {
    await db.close();
  }
}

const NOT_ACCEPTED =
  'No gateway accepts it until that gateway has the setting AUTH_API_KEYS=true, which this command was started without.';

async function create(
  { name, scopes, ownerId, expiresAt }: ApiKeyAction & { action: 'create' },
  { apiKey, agent }: PrismaClient,
  cli: CliContext,
): Promise<void> {
  if (ownerId !== null && (await agent.findUnique({ where: { id: ownerId }, select: { id: true } })) === null)
    throw new CliError(`--owner: there is no agent with the id ${globalId('Agent', String(ownerId))}`);
  const key = makeApiKey();
  const { id } = await apiKey.create({
    data: { name, scopes, ownerId, expiresAt, secretHash: apiKeyHash(key), createdAt: new Date() },
    select: { id: true },
  });
  cli.stderr.write(`Key ${id} (${name}) expires at ${expiresAt.toISOString()}. It is not shown again:\n`);
  cli.stdout.write(`${key}\n`);
  if (cli.env['AUTH_API_KEYS'] !== 'true') cli.stderr.write(`${NOT_ACCEPTED}\n`);
}

async function revoke(id: bigint, { apiKey }: PrismaClient, cli: CliContext): Promise<void> {
  const { count } = await apiKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: new Date() } });
  if (count === 0)
    throw new CliError(`There is no key ${id}, or it is revoked already; "npm run api-keys -- list" lists all`);
  cli.stderr.write(`Key ${id} is revoked: every gateway refuses it within a second.\n`);
}

async function list({ apiKey }: PrismaClient, cli: CliContext): Promise<void> {
  const keys = await apiKey.findMany({ orderBy: { id: 'asc' }, omit: { secretHash: true } });
  const rows = keys.map(({ id, name, scopes, ownerId, createdAt, expiresAt, revokedAt }) => {
    const state = revokedAt !== null ? 'revoked' : expiresAt.getTime() <= Date.now() ? 'expired' : 'valid';
    const times = [createdAt, expiresAt].map((time) => time.toISOString().slice(0, 16));
    const owner = ownerId === null ? 'all' : globalId('Agent', String(ownerId));
    return [String(id), state, ...times, scopes.replaceAll(' ', ','), owner, name];
  });
  const table = [['ID', 'STATE', 'CREATED (UTC)', 'EXPIRES (UTC)', 'SCOPES', 'CUSTOMERS OF', 'NAME'], ...rows];
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  for (const row of table) cli.stdout.write(`${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}\n`);
}
