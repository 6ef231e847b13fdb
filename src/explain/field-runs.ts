import {
  execute,
  getNamedType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
  parse,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import type { RowId, Table } from '../batch/table.ts';
import { customers } from '../crm/customer/table.ts';
import { globalId } from '../crm/global-id.ts';
import { createLoaders, TYPES } from '../crm/registry.ts';
import { scheduleAtOnce } from '../turns.ts';
import { toEntry, type Entry } from './entries.ts';
import { isConnection, requestContext } from './questions.ts';
import type { Samples } from './samples.ts';
import type { Measurement, MeasuringSession } from './session.ts';

type Field = GraphQLField<unknown, unknown>;

/** Measures one row, and many at once. */
const ROW_COUNTS = [1, 100] as const;

/** A document with real values, and a name for what it asks for. */
interface Asked {
  readonly asked: string;
  readonly document: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly rows: number;
  /** The agent whose customers the caller sees alone. */
  readonly owner?: RowId;
}

/**
 * Measures everything that is not a page of a list, for one row and for many: each type's rows by every key and with every field,
 * so that every statement that a field can cause is sent. All of it once for a caller who sees everything, and once for one who sees
 * the customers of one agent.
 */
export async function* fieldEntries(
  schema: GraphQLSchema,
  session: MeasuringSession,
  samples: Samples,
): AsyncGenerator<Entry> {
  const [owner] = await samples.values(customers, 'ownerId', 1);
  for (const count of ROW_COUNTS) {
    for await (const asked of documentsOf(schema, samples, count)) {
      const all = await entriesOf(schema, session, asked);
      yield* all;
      if (owner === undefined) continue;
      const known = new Set(all.map(({ measurement }) => measurement.statement.sql));
      const ruled = await entriesOf(schema, session, { ...asked, asked: `${asked.asked}, the claim owner`, owner });
      yield* ruled.filter(({ measurement }) => !known.has(measurement.statement.sql));
    }
  }
}

async function* documentsOf(schema: GraphQLSchema, samples: Samples, count: number): AsyncGenerator<Asked> {
  const lookUps = Object.values(schema.getQueryType()?.getFields() ?? {}).flatMap(keysOf);
  for (const lookUp of lookUps) yield await lookUpDocument(lookUp, samples, count);
  for (const { table } of TYPES) {
    const { type } = table;
    const ids = await samples.values(table, 'id', count);
    yield {
      asked: `every field of ${type}`,
      document: `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on ${type} ${selection(schema.getType(type))} } }`,
      variables: { ids: ids.map((id) => globalId(type, id)) },
      arguments: {},
      rows: ids.length,
    };
  }
}

const tableOf = (type: string): Table | undefined => TYPES.find(({ table }) => table.type === type)?.table;

/** A field of Query that finds one row by a key. */
interface LookUp {
  readonly field: string;
  readonly argument: { readonly name: string; readonly type: GraphQLInputType };
  /** The input's field, if the argument has several of which one is given. */
  readonly key: string | undefined;
  readonly table: Table;
}

function keysOf(field: Field): LookUp[] {
  const table = tableOf(getNamedType(field.type).name);
  const [argument, ...rest] = field.args;
  if (table === undefined || argument === undefined || rest.length > 0 || isConnection(field)) return [];
  const input = getNamedType(argument.type);
  const keys = isInputObjectType(input) ? Object.keys(input.getFields()) : [undefined];
  return keys.map((key) => ({ field: field.name, argument, key, table }));
}

async function lookUpDocument(
  { field, argument, key, table }: LookUp,
  samples: Samples,
  limit: number,
): Promise<Asked> {
  const name = key ?? argument.name;
  const values = await samples.values(table, name, limit);
  const given = values.map((value) => (name === 'id' ? globalId(table.type, value) : value));
  const variables = given.map((value, i) => [`v${i}`, key === undefined ? value : { [key]: value }] as const);
  const declared = variables.map(([variable]) => `$${variable}: ${String(argument.type)}`);
  const fields = variables.map(([variable], i) => `a${i}: ${field}(${argument.name}: $${variable}) { __typename id }`);
  return {
    asked: `${field} by ${name}`,
    document: `query ${declared.length > 0 ? `(${declared.join(', ')})` : ''} { __typename ${fields.join(' ')} }`,
    variables: Object.fromEntries(variables),
    arguments: { [argument.name]: variables[0]?.[1] ?? null },
    rows: values.length,
  };
}

/** A selection of every field of a type that needs no argument and is not a connection; of other types' rows, only the ids. */
function selection(type: unknown, within: readonly GraphQLObjectType[] = []): string {
  if (!isObjectType(type)) throw new Error(`expected an object type, got ${String(type)}`);
  const fields = Object.values(type.getFields()).filter(
    (field) => !isConnection(field) && !field.args.some(isRequiredArgument),
  );
  const parts = fields.flatMap((field) => {
    const inner = getNamedType(field.type);
    if (isLeafType(inner)) return [field.name];
    const isRow = isInterfaceType(inner) || tableOf(inner.name) !== undefined;
    if (isRow) return [`${field.name} { id }`];
    return isObjectType(inner) && !within.includes(inner)
      ? [`${field.name} ${selection(inner, [...within, type])}`]
      : [];
  });
  return `{ ${parts.join(' ')} }`;
}

/** Measures the statements that a document causes. */
async function entriesOf(schema: GraphQLSchema, session: MeasuringSession, asked: Asked): Promise<Entry[]> {
  const found: Measurement[] = [];
  // One at a time, since the counters are per connection.
  let last: Promise<unknown> = Promise.resolve();
  const batch = {
    db: {
      read: async (statement: Measurement['statement']) => {
        const measuring = last.then(() => session.measure(statement));
        last = Promise.allSettled([measuring]);
        const measurement = await measuring;
        found.push(measurement);
        return [...measurement.rows];
      },
    },
    columnsOf: (table: Table) => Object.keys(table.columns),
    readsCursors: true,
    tags: new Set<string>(),
    owner: asked.owner,
    schedule: scheduleAtOnce,
  };
  await execute({
    schema,
    document: parse(asked.document),
    variableValues: asked.variables,
    contextValue: requestContext(batch, createLoaders(batch)),
  });
  // For one agent, each row leads to its customer, whom MariaDB first looks for among those that it has already met.
  const rowsAKey = asked.owner === undefined ? 1 : 3;
  return found.map((measurement) =>
    toEntry({
      asked: asked.asked,
      arguments: asked.arguments,
      parents: asked.rows,
      // Each returned row, and a look-up at the end of each key's or parent's rows.
      maxRows: (measurement.rowsReturned + new Set(measurement.statement.values).size) * rowsAKey,
      uncovered: [],
      measurement: { ...measurement, rows: [] },
    }),
  );
}
