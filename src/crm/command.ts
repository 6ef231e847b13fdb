import { violatedIndex, type Transaction } from '../db/transaction.ts';
import type { Resolvers, UserError } from '../generated/graphql.ts';
import { claimKey, keepOutcome, parseIdempotencyKey, type Outcome } from './idempotency.ts';
import { MAX_USER_ERRORS, Problems, Refusal, refuseTaken } from './user-errors.ts';
import type { Write, Writer } from './writer.ts';

/** What every mutation's input may contain. */
export interface CommandInput {
  readonly idempotencyKey?: string | null | undefined;
}

/** A command's result: row ids, which the payload's resolvers load. */
export type CommandResult = Readonly<Record<string, string | null>>;

/** The parent value of a payload's resolvers: the command's result, or nulls in its place and the user errors. */
export type Payload<Result extends CommandResult> = { readonly [Name in keyof Result]: Result[Name] | null } & {
  readonly userErrors: UserError[];
};

export type Checks = readonly (() => Promise<unknown>)[];

/** The definition of a mutation. */
export interface Command<Input extends CommandInput, Values, Result extends CommandResult> {
  /** Validates what can be checked from the input alone, and adds every problem, so that all are reported at once. */
  readonly parse: (input: Input, problems: Problems) => Values;
  /** Does the write. It is retried from its beginning after a conflict, and what it wrote is rolled back if it refuses. */
  readonly run: (write: Write, values: Values) => Promise<Result>;
  /**
   * What else only the database can tell to be wrong with the values, each check by itself: it reads, and throws a `Refusal`. `run`
   * stops at the first; once it has, all of these are made, so that every problem is reported at once.
   */
  readonly checks?: (transaction: Transaction, values: Values) => Checks | Promise<Checks>;
  /** The row that it locks first. */
  readonly locks?: (values: Values) => readonly [type: keyof Resolvers, id: bigint];
  /** What the payload shows besides the errors when the command was refused. */
  readonly refused: (input: Input) => { readonly [Name in keyof Result]: Result[Name] | null };
  /** For each unique index that the writes can violate, the thing and input field to name in ALREADY_EXISTS. */
  readonly uniques?: Readonly<Record<string, readonly [thing: string, field: string]>>;
}

type Runnable<Values, Result extends CommandResult> = Pick<
  Command<never, Values, Result>,
  'run' | 'uniques' | 'checks'
>;

// `any`: commands have different inputs.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyCommand = Command<any, any, any>;

/** An identity function that lets the compiler infer a command's types. */
export const defineCommand = <Input extends CommandInput, Values, Result extends CommandResult>(
  command: Command<Input, Values, Result>,
): Command<Input, Values, Result> => command;

/**
 * Runs a mutation: validates its input, then writes in one transaction, at most once per idempotency key.
 * @param mutation its name in the schema; an idempotency key is valid for one mutation
 * @returns its result, or the user errors
 * @throws TIMEOUT or SERVICE_UNAVAILABLE
 */
export async function runCommand<Input extends CommandInput, Values, Result extends CommandResult>(
  writer: Writer,
  { mutation, command }: { readonly mutation: string; readonly command: Command<Input, Values, Result> },
  input: Input,
): Promise<Payload<Result>> {
  try {
    const problems = new Problems();
    const values = command.parse(input, problems);
    const { idempotencyKey, ...rest } = input;
    const key = parseIdempotencyKey(idempotencyKey, problems);
    problems.throwIfAny();
    const claim = key === undefined ? undefined : { key, mutation, input: rest };
    const options = { isIdempotent: key !== undefined, row: command.locks?.(values).join(' ') };
    const outcome =
      claim === undefined
        ? await runWithoutKey(writer, { options, command }, values)
        : await writer.transaction<Outcome<Result>>(options, async (write) => {
            const known = await claimKey(write, claim);
            if (known !== undefined) {
              writer.countReplayed();
              // The stored outcome of this same mutation.
              return known as Outcome<Result>;
            }
            const reached = await attempt(write, command, values);
            await keepOutcome(write, claim.key, reached);
            return reached;
          });
    if ('userErrors' in outcome) throw new Refusal(outcome.userErrors);
    return { ...outcome.given, userErrors: [] };
  } catch (error) {
    if (error instanceof Refusal) return { ...command.refused(input), userErrors: [...error.userErrors] };
    throw error;
  }
}

async function runWithoutKey<Values, Result extends CommandResult>(
  writer: Writer,
  {
    options,
    command,
  }: { readonly options: Parameters<Writer['transaction']>[0]; readonly command: Runnable<Values, Result> },
  values: Values,
): Promise<Outcome<Result>> {
  try {
    return { given: await writer.transaction(options, (write) => run(write, command, values)) };
  } catch (error) {
    if (!(error instanceof Refusal) || command.checks === undefined) throw error;
    // Another transaction: this one is rolled back, and its row is not locked any more.
    const turn = { isIdempotent: true, row: undefined };
    return {
      userErrors: await writer.transaction(turn, (write) => allProblems(write, { command, values }, error)),
    };
  }
}

/** Runs a command and, if it is refused, rolls back to its start but keeps the key, so that the refusal can be replayed. */
async function attempt<Values, Result extends CommandResult>(
  write: Write,
  command: Runnable<Values, Result>,
  values: Values,
): Promise<Outcome<Result>> {
  try {
    // A nested transaction is a savepoint.
    return await write.transaction.$transaction(async (transaction) => ({
      given: await run({ ...write, transaction }, command, values),
    }));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    for (const noted of Object.values(write.changes)) noted.clear();
    return { userErrors: await allProblems(write, { command, values }, error) };
  }
}

async function run<Values, Result extends CommandResult>(
  write: Write,
  { run: execute, uniques = {} }: Runnable<Values, Result>,
  values: Values,
): Promise<Result> {
  try {
    return await execute(write, values);
  } catch (error) {
    const unique = uniques[violatedIndex(error) ?? ''];
    if (unique === undefined) throw error;
    const [thing, field] = unique;
    return refuseTaken(thing, field);
  }
}

/**
 * What a command was refused for, if no check finds that, too, and whatever they find: once for each input field. A caller who may not
 * see a field is told that another has this value only if nothing else is wrong: one could try any values without ever writing
 * one if something else were sure to be.
 */
async function allProblems<Values, Result extends CommandResult>(
  { transaction, agent, hides }: Pick<Write, 'transaction' | 'agent' | 'hides'>,
  { command, values }: { readonly command: Runnable<Values, Result>; readonly values: Values },
  { userErrors }: Refusal,
): Promise<UserError[]> {
  const tellsHidden = ({ code, path }: UserError) => code === 'ALREADY_EXISTS' && (path ?? []).some(hides);
  // They also look at rows that a caller who may see only those of one agent may not.
  if (agent !== undefined && !userErrors.some(tellsHidden)) return [...userErrors];
  const found: UserError[] = [];
  for (const check of (await command.checks?.(transaction, values)) ?? [])
    try {
      await check();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      found.push(...error.userErrors);
    }
  const paths = new Set(found.map(({ path }) => String(path)));
  const all = [...userErrors.filter(({ path }) => !paths.has(String(path))), ...found];
  const others = all.filter((error) => !tellsHidden(error));
  const told = others.length > 0 ? others : all;
  return told.slice(0, agent === undefined ? MAX_USER_ERRORS : 1);
}
