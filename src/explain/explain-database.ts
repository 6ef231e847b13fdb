import { isObjectType, type GraphQLSchema } from 'graphql';
import type { DatabaseTimes } from '../db/database.ts';
import type { Entry } from './entries.ts';
import { fieldEntries } from './field-runs.ts';
import { ListRuns } from './list-runs.ts';
import { listQuestions, ruledQuestions, type Question } from './questions.ts';
import { createSamples } from './samples.ts';
import { isOfSearch, searchEntries } from './search-runs.ts';
import { openMeasuringSession } from './session.ts';
import { stateEntries } from './state-runs.ts';

/**
 * Whether any statement's name may begin with a text. Names begin with an object type, and for those of fields with the field:
 * `Customer by id`, `Customer.orders page`.
 */
export function mayBeginName(schema: GraphQLSchema, text: string): boolean {
  const types = Object.values(schema.getTypeMap()).filter(isObjectType);
  const fields = types.flatMap((type) => Object.keys(type.getFields()).map((field) => `${type.name}.${field}`));
  return [...types.map(({ name }) => name), ...fields].some(
    (start) => start.startsWith(text) || text.startsWith(`${start} `),
  );
}

/**
 * Sends every statement that the schema can cause, and the one that subscriptions send regularly, in a session that cannot write,
 * and measures what the server does for each.
 * @returns rows by key first, then lists in the schema's order; empty when no statement has such a name
 * @param options.signal checked between questions; its reason is thrown
 * @throws SERVICE_UNAVAILABLE when the server cannot be reached
 */
export async function explainDatabase(options: {
  readonly databaseUrl: string;
  readonly schema: GraphQLSchema;
  readonly times: DatabaseTimes;
  /** A prefix of the statements' names, such as `Customer.orders`; empty for all. */
  readonly only: string;
  readonly signal: AbortSignal;
}): Promise<readonly Entry[]> {
  const { schema, signal, only } = options;
  const session = await openMeasuringSession(options.databaseUrl, options.times);
  try {
    const samples = createSamples(session);
    const runs = new ListRuns(session, samples);
    const entries: Entry[] = [];
    const add = (entry: Entry): void => {
      if (entry.measurement.statement.name.startsWith(only)) entries.push(entry);
    };
    for await (const entry of fieldEntries(schema, session, samples)) add(entry);
    for await (const entry of stateEntries(session, samples)) add(entry);
    const isAsked = ({ source: { name } }: Question) => name.startsWith(only) || only.startsWith(`${name} `);
    const questions = listQuestions(schema).filter(isAsked);
    for (const question of [...questions, ...ruledQuestions(questions)]) {
      signal.throwIfAborted();
      for await (const entry of runs.run(question)) add(entry);
    }
    if (isOfSearch(only)) for await (const entry of searchEntries(session, samples)) add(entry);
    return entries;
  } finally {
    await session.close();
  }
}
