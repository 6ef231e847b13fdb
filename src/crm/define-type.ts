import type { ListSource } from '../batch/list-query.ts';
import type { ListLoaderFactory } from '../batch/lists.ts';
import type { BatchContext, LoaderFactory } from '../batch/loader.ts';
import type { ChildTable, Column, Columns, RowId, Table } from '../batch/table.ts';
import type { Resolvers } from '../generated/graphql.ts';
import { runCommand, type AnyCommand, type Command, type Payload } from './command.ts';
import type { Context, Loaders } from './context.ts';
import type { Intersection, ResolversOf } from './resolver-types.ts';
import type { OwnedTable } from './writer.ts';

type LoaderFactories = Readonly<Record<string, LoaderFactory<unknown>>>;
type Commands = Readonly<Record<string, AnyCommand>>;

/** The complete definition of a CRM type; `src/crm/registry.ts` lists one of these per type. */
export interface TypeDefinition<
  Type extends string = string,
  Factories extends LoaderFactories = LoaderFactories,
  FieldResolvers extends Resolvers = Resolvers,
  Mutations extends Commands = Commands,
> {
  /** The table of its rows. */
  readonly table: Table<Columns, Type>;
  /**
   * The factory of each of its loaders, by the loader's name. The tables that they read are the type's tables: its own, those of
   * other GraphQL types that only it has, and child tables.
   */
  readonly loaders: Factories;
  /** The resolvers of its fields, and of fields that it adds to other types. */
  readonly resolvers: FieldResolvers;
  /** Its mutations, by name. */
  readonly commands: Mutations;
  /** The name of the loader that finds a row by its id, for `node`. */
  readonly node: string;
}

/** The names of those loaders that find a row by a key. */
type RowLoaderName<All> = { [Name in keyof All]: All[Name] extends RowLoader ? Name : never }[keyof All];

/** An identity function that lets the compiler infer a type's parts. */
export const defineType = <
  Type extends string,
  Factories extends LoaderFactories,
  FieldResolvers extends Resolvers,
  Mutations extends Commands,
>(
  type: TypeDefinition<Type, Factories, FieldResolvers, Mutations> & {
    readonly node: RowLoaderName<LoadersOf<Factories>>;
    readonly resolvers: ResolversOf<Type>;
  },
): TypeDefinition<Type, Factories, FieldResolvers, Mutations> => type;

/** The loaders that these factories create; each type's folder adds its own to `Loaders`. */
export type LoadersOf<Factories extends LoaderFactories> = {
  readonly [Name in keyof Factories]: ReturnType<Factories[Name]>;
};

/** Every table with a GraphQL type, that of each type first. */
export const tablesOf = (types: readonly TypeDefinition[]): Table[] =>
  types.flatMap(({ table, loaders }) => [
    ...new Set([table, ...Object.values(loaders).flatMap((loader) => loader.table ?? [])]),
  ]);

/** Every table whose rows belong to a row of one of `tablesOf`. */
export const childTablesOf = (types: readonly TypeDefinition[]): ChildTable[] =>
  types.flatMap(({ loaders }) => Object.values(loaders).flatMap(({ childTable }) => childTable ?? []));

/** Every list, by the name of its loaders. */
export const listSourcesOf = (types: readonly TypeDefinition[]): ReadonlyMap<keyof Loaders, ListSource> =>
  new Map(
    types.flatMap(({ loaders }) =>
      Object.entries(loaders).flatMap(([name, create]) =>
        'source' in create ? [[name as keyof Loaders, (create as ListLoaderFactory<unknown>).source] as const] : [],
      ),
    ),
  );

/**
 * Returns a function that creates the loaders of one request, each on first use. The getters are on a shared prototype, because
 * defining one per loader for each request would cost more than most loaders do.
 */
export function createLoadersOf(types: readonly TypeDefinition[]): (context: BatchContext) => Loaders {
  const lazy: object = {};
  for (const [name, create] of types.flatMap(({ loaders }) => Object.entries(loaders)))
    Object.defineProperty(lazy, name, {
      get(this: { readonly context: BatchContext; readonly made: Map<string, unknown> }) {
        const made = this.made.get(name) ?? create(this.context);
        this.made.set(name, made);
        return made;
      },
    });
  return (context) => Object.assign(Object.create(lazy), { context, made: new Map() }) as Loaders;
}

interface RowLoader {
  load(key: string): Promise<{ readonly id: RowId } | null>;
}

/** How to load a row by its id. */
export type NodeLoad = (loaders: Loaders) => RowLoader;

/** How to load a row of each type by its id. */
export const nodeLoadersOf = <const Types extends readonly TypeDefinition[]>(types: Types) =>
  Object.fromEntries<NodeLoad>(
    // `defineType` has checked that there is such a loader of rows.
    types.map(({ table, node }) => [table.type, (loaders) => loaders[node as RowLoaderName<Loaders>]]),
  ) as Readonly<Record<Types[number]['table']['type'], NodeLoad>>;

/**
 * The tables whose rows belong to customers, with their child tables. Not included: the customers' own table and tables whose key
 * is a customer's id, which the customers' commands handle by name.
 */
export const ownedTablesOf = (types: readonly TypeDefinition[]): OwnedTable[] =>
  types
    .filter(({ table }) => table.customerColumn !== 'id')
    .flatMap((type) =>
      tablesOf([type])
        .filter(({ customerColumn }) => customerColumn !== undefined)
        .map((table) => ({ table, children: childTablesOf([type]).filter((child) => child.of === table) })),
    );

/**
 * The types that columns and recorded fields refer to, by name: `ownerId` is the id of an Agent.
 * @throws TypeError when a name refers to different types in different tables
 */
export function referencesOf(types: readonly TypeDefinition[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { columns } of tablesOf(types))
    for (const [name, { refersTo }] of Object.entries<Column<unknown>>(columns)) {
      const before = found.get(name);
      if (refersTo !== undefined && before !== undefined && before !== refersTo)
        throw new TypeError(`column ${name}: expected it to refer to one type, got ${before} and ${refersTo}`);
      if (refersTo !== undefined) found.set(name, refersTo);
    }
  return found;
}

type ResolverOf<Mutation> =
  Mutation extends Command<infer Input, infer _Values, infer Result>
    ? (parent: unknown, args: { readonly input: Input }, context: Context) => Promise<Payload<Result>>
    : never;

/** The mutation resolvers of a type's commands; never for a type without commands. */
export type MutationResolversOf<Mutations extends Commands> = Mutations extends unknown
  ? keyof Mutations extends never
    ? never
    : { readonly [Name in keyof Mutations]: ResolverOf<Mutations[Name]> }
  : never;

/** What the resolvers of all mutations have in common, whatever their inputs and payloads are. */
type AnyMutationResolver = (parent: unknown, args: { readonly input: never }, context: Context) => Promise<unknown>;

/** The resolvers of `Mutation`: each runs the command of its name. */
export const mutationResolversOf = <const Types extends readonly TypeDefinition[]>(types: Types) =>
  Object.fromEntries<AnyMutationResolver>(
    types
      .flatMap(({ commands }) => Object.entries(commands))
      .map(([mutation, command]) => [
        mutation,
        (_, { input }, { writer }) => runCommand(writer, { mutation, command }, input),
      ]),
  ) as Intersection<MutationResolversOf<Types[number]['commands']>>;
