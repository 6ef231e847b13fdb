import { hash } from 'node:crypto';
import { canonical } from '../canonical.ts';
import type { Maybe } from '../given.ts';
import type { PrismaClient } from '../generated/prisma/client.ts';
import type { UserError } from '../generated/graphql.ts';
import { parseOptionalText } from './text.ts';
import { refuse, type Problems } from './user-errors.ts';
import type { Write } from './writer.ts';

/** How long a key is remembered. */
const KEPT_MS = 24 * 3_600_000;
const MAX_KEY = 255;
const SWEPT_AT_ONCE = 1_000;

/** The outcome of a command: its result, or why it was refused. Stored as JSON, together with what it changed. */
export type Outcome<CommandResult> = { readonly given: CommandResult } | { readonly userErrors: readonly UserError[] };

type Kept = Outcome<unknown> & {
  /** Missing if another version of the gateway stored it. */
  readonly changes?: { readonly tags: readonly string[]; readonly customers: readonly string[] };
};

/** An input's key, or undefined when it has none. Trimmed, since the database ignores trailing spaces. */
export function parseIdempotencyKey(given: Maybe<string>, problems: Problems): string | undefined {
  // Only its sender interprets it, so it may have line breaks.
  const rules = { path: ['idempotencyKey'], maxLength: MAX_KEY, problems, isManyLines: true };
  return parseOptionalText(given, rules) ?? undefined;
}

interface Claim {
  readonly key: string;
  readonly mutation: string;
  /** The mutation's input without the key. */
  readonly input: unknown;
}

/**
 * Whose keys the writer's are: the subject's, and apart for each agent whose customers alone it may write, and for callers who see
 * personal values only masked: whether an input is the same would tell them what another has written. No subject begins with a
 * space, so none can name an agent.
 */
function holderOf({ actor, agent, hides }: Pick<Write, 'actor' | 'agent' | 'hides'>): string {
  const isMasked = hides('email');
  if (agent === undefined && !isMasked) return actor ?? '';
  return ` ${agent ?? ''}${isMasked ? '*' : ''} ${actor ?? ''}`;
}

/**
 * Claims a key for this write, in its transaction: others that use it wait until this one is committed or rolled back. Refuses
 * a key that was used for something else.
 * @returns the outcome if the write was done before; undefined if it is to be done now
 */
export async function claimKey(write: Write, claim: Claim): Promise<Outcome<unknown> | undefined> {
  const { transaction, now } = write;
  const actor = holderOf(write);
  const inputHash = hash('sha256', canonical(claim.input), 'base64url');
  const row = { mutation: claim.mutation, inputHash, answer: null, createdAt: now };
  const where = { actor_key: { actor, key: claim.key } };
  // INSERT IGNORE waits for another transaction that holds the key; the count says whether this one got it.
  const { count } = await transaction.idempotencyKey.createMany({
    data: [{ actor, key: claim.key, ...row }],
    skipDuplicates: true,
  });
  if (count === 1) return undefined;
  // Locked, so that only one of two writes takes over an expired key.
  await transaction.$queryRaw`SELECT actor FROM idempotency_keys WHERE actor = ${actor} AND idempotency_key = ${claim.key} FOR UPDATE`;
  const known = await transaction.idempotencyKey.findUnique({ where });
  // The sweep has just deleted it.
  if (known === null) return claimKey(write, claim);
  if (known.answer === null || known.createdAt.getTime() < now.getTime() - KEPT_MS) {
    await transaction.idempotencyKey.update({ where, data: row });
    return undefined;
  }
  if (known.mutation !== claim.mutation || known.inputHash !== inputHash)
    refuse(
      'IDEMPOTENCY_KEY_REUSED',
      ['idempotencyKey'],
      'Expected a new key for each write, got one that was used with another input less than 24 hours ago.',
    );
  const { changes, ...outcome } = JSON.parse(known.answer) as Kept;
  // The gateway that did the write may have died before it could tell the cache and subscriptions.
  for (const tag of changes?.tags ?? []) write.changes.tags.add(tag);
  for (const customer of changes?.customers ?? []) write.changes.customers.add(customer);
  return outcome;
}

/** Stores a write's outcome under the key that it has claimed. */
export async function keepOutcome(write: Write, key: string, outcome: Outcome<unknown>): Promise<void> {
  const changes = { tags: [...write.changes.tags], customers: [...write.changes.customers] };
  await write.transaction.idempotencyKey.update({
    where: { actor_key: { actor: holderOf(write), key } },
    data: { answer: JSON.stringify({ ...outcome, changes }) },
  });
}

/**
 * Deletes expired keys, a bounded number per statement.
 * @returns how many
 */
export async function sweepKeys(client: PrismaClient): Promise<number> {
  const before = new Date(Date.now() - KEPT_MS);
  let swept = 0;
  for (;;) {
    const count =
      await client.$executeRaw`DELETE FROM idempotency_keys WHERE created_at < ${before} ORDER BY created_at LIMIT ${SWEPT_AT_ONCE}`;
    swept += count;
    if (count < SWEPT_AT_ONCE) return swept;
  }
}
