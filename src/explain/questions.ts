import { randomBytes } from 'node:crypto';
import { isObjectType, type GraphQLArgument, type GraphQLField, type GraphQLSchema } from 'graphql';
import type { Condition, ListSource } from '../batch/list-query.ts';
import { coverageOf } from '../batch/index-choice.ts';
import type { ListLoaders } from '../batch/lists.ts';
import { ownedCondition } from '../batch/row-rule.ts';
import { scheduleAtOnce } from '../turns.ts';
import type { BatchContext } from '../batch/loader.ts';
import type { Connection, ListRequest } from '../relay/connection.ts';
import type { Context, Loaders } from '../crm/context.ts';
import { SEARCH_FIELD } from '../crm/customer/search/statements.ts';
import { listSourcesOf } from '../crm/define-type.ts';
import { createLoaders, TYPES } from '../crm/registry.ts';
import { codeOf } from '../errors.ts';
import { createCursors, CURSOR_KEY_BYTES } from '../relay/cursor.ts';
import { argumentSets, isProbe } from './probes.ts';

/** A question to a connection field, apart from the page, and what it means for the database. */
export interface Question {
  /** The list, such as `Customer.orders`, which is also the field. */
  readonly source: ListSource;
  /** The name of the list's loaders. */
  readonly loader: keyof Loaders;
  /** As given by a client; ids, texts and times are placeholders for real ones. */
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly conditions: readonly Condition[];
  readonly sort: ListRequest['sort'];
  /** The columns of conditions that the index does not cover; if empty, each page is bounded. */
  readonly uncovered: readonly string[];
}

const PAGE_ARGUMENTS: ReadonlySet<string> = new Set(['first', 'after', 'last', 'before']);

const ORDER_ARGUMENT = 'orderBy';

/** A name for what a question asks, such as `status (4), createdAt by NAME`; the same for both directions. */
export function askedFor({ arguments: given, conditions: meant, sort }: Question): string {
  const starts = meant.flatMap((condition) => (condition.kind === 'startsWith' ? [condition.texts.length] : []));
  const claim = meant.some(({ kind }) => kind === 'owned') ? ['the claim owner'] : [];
  const conditions = Object.entries(given)
    .filter(([name]) => name !== ORDER_ARGUMENT)
    .flatMap(([name, value]) => (isInput(value) ? Object.entries(value) : [[name, value] as const]))
    .map(([name, value]) => (Array.isArray(value) && value.length > 1 ? `${name} (${value.length})` : name));
  const spans = starts.some((count) => count > 1) ? ` (${starts.join()})` : '';
  return `${[...conditions, ...claim].join(', ') || 'all'}${spans} by ${sort.name.replace(/ (ASC|DESC)$/, '')}`;
}

const isInput = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether a field is a connection. */
export const isConnection = (field: GraphQLField<unknown, unknown>): boolean =>
  field.args.some(({ name }) => name === 'first');

/**
 * Every question that the schema lets clients ask about its lists. The arguments come from the schema, and their meaning from
 * the resolvers, which are called with loaders that only record. Questions that differ only in a text or an id count once.
 * Three or more conditions are kept only if an index covers them all: in the worst case, the others cost the same as two of
 * them.
 */
export function listQuestions(schema: GraphQLSchema): Question[] {
  const fields = Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .flatMap((type) => Object.values(type.getFields()).map((field) => ({ name: `${type.name}.${field.name}`, field })))
    // Searches have statements of their own: see search-runs.ts.
    .filter(({ name, field }) => isConnection(field) && name !== SEARCH_FIELD);
  return fields.flatMap(({ field }) => questionsOf(field));
}

function questionsOf(field: GraphQLField<unknown, unknown>): Question[] {
  const args = field.args.filter(({ name }) => !PAGE_ARGUMENTS.has(name));
  const found = new Map<string, Question>();
  for (const given of argumentSets(args, (set) => ask(field, args, set) !== undefined)) {
    const question = ask(field, args, given);
    if (question === undefined) continue;
    if (question.conditions.length > 2 && question.uncovered.length > 0) continue;
    const key = JSON.stringify([question.sort.name, question.conditions], (name, value: unknown) =>
      typeof value === 'string' && (isProbe(value) || name === 'text' || name === 'value') ? '?' : value,
    );
    if (!found.has(key)) found.set(key, question);
  }
  return [...found.values()];
}

/**
 * The same questions, from a caller who sees what belongs to the customers of one agent alone: where that is a condition that no index
 * covers. Of filters, each alone.
 */
export function ruledQuestions(questions: readonly Question[]): Question[] {
  return questions.flatMap((question) => {
    const { source } = question;
    const rule = ownedCondition(source.table, source.parent, '1');
    if (rule?.kind !== 'owned' || question.conditions.length > 1) return [];
    const conditions = [rule, ...question.conditions];
    return [{ ...question, conditions, uncovered: coverageOf(source, { ...question, conditions }).uncovered }];
  });
}

/** The question that a field's resolver derives from some arguments; undefined if it refuses them. */
function ask(
  field: GraphQLField<unknown, unknown>,
  args: readonly GraphQLArgument[],
  given: Readonly<Record<string, unknown>>,
): Question | undefined {
  const recorded: Question[] = [];
  const context = recordingContext((question) => recorded.push({ ...question, arguments: given }));
  const defaults = args.filter(({ defaultValue }) => defaultValue !== undefined);
  const all = { ...Object.fromEntries(defaults.map((arg) => [arg.name, arg.defaultValue])), ...given };
  try {
    // Resolvers of lists use only their parent's id, and nothing of the document.
    const resolve = field.resolve as (parent: object, args: object, context: Context) => Connection<unknown>;
    void resolve({ id: '1' }, all, context).nodes();
  } catch (error) {
    if (codeOf(error) === 'BAD_USER_INPUT') return undefined;
    throw error;
  }
  const [question] = recorded;
  if (question === undefined) throw new Error(`${field.name}: expected its resolver to ask the loaders of a list`);
  return question;
}

const refuse = () => Promise.reject(new Error('nothing is read or written here'));

/** A request's context in which lists are recorded instead of read. */
function recordingContext(record: (question: Omit<Question, 'arguments'>) => void): Context {
  const batch = {
    db: { read: refuse },
    columnsOf: () => [],
    readsCursors: true,
    tags: new Set<string>(),
    schedule: scheduleAtOnce,
  };
  const loaders = createLoaders(batch);
  const recorders = new Map(
    [...listSourcesOf(TYPES)].map(([name, source]): [string, ListLoaders<never>] => [
      name,
      {
        source,
        page: (_, { conditions, sort }) => {
          // The connection passes on its request's sort, including the name.
          const named = sort as ListRequest['sort'];
          const query = { conditions, sort: named };
          record({
            source,
            loader: name,
            ...query,
            uncovered: coverageOf(source, query).uncovered,
          });
          return Promise.resolve({ rows: [], hasMore: false });
        },
        count: refuse,
        exists: refuse,
      },
    ]),
  );
  const recording = new Proxy(loaders, {
    get: (target, name, receiver): unknown => recorders.get(String(name)) ?? Reflect.get(target, name, receiver),
  });
  return requestContext(batch, recording);
}

/** The context of an anonymous caller that cannot write. */
export function requestContext(batch: BatchContext, loaders: Loaders): Context {
  return {
    ...batch,
    loaders,
    // Nobody sees the cursors, so they need no gateway's key.
    paging: { pageSizeDefault: 1, pageSizeMax: 1, cursors: createCursors(randomBytes(CURSOR_KEY_BYTES)) },
    caller: { subject: null, scopes: [] },
    references: new Map(),
    hides: () => true,
    allowance: () => Promise.resolve(null),
    writer: {
      transaction: refuse,
      countReplayed() {
        throw new Error('nothing is written here');
      },
    },
    customerEvents: {
      watch() {
        throw new Error('nothing is watched here');
      },
    },
  };
}
