import { getNamedType, isEnumType, isInputObjectType, isObjectType, type GraphQLField } from 'graphql';
import type { ListSource } from '../../src/batch/list-query.ts';
import type { Table } from '../../src/batch/table.ts';
import { listSourcesOf } from '../../src/crm/define-type.ts';
import { TYPES, type TypeName } from '../../src/crm/registry.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import type { TestGateway } from './gateway.ts';
import { nodeId } from './seeded.ts';

/** An order of a list, with the column that it sorts by. */
export interface ListOrder {
  /** The value of `orderBy.field`; undefined for the one order of a list without `orderBy`. */
  readonly field: string | undefined;
  readonly column: string;
  readonly direction: 'ASC' | 'DESC';
}

/** A connection field: where it is, and which rows it lists. */
export interface List {
  /** Such as `Customer.orders`. */
  readonly name: string;
  readonly field: string;
  readonly table: string;
  /** The type that the field is on, with the column that points to it; undefined for a field of Query. */
  readonly parent: { readonly type: string; readonly column: string } | undefined;
  /** The type of a row. */
  readonly type: TypeName | 'Change';
  readonly orders: readonly ListOrder[];
  /** The GraphQL type of each variable, except the page's. */
  readonly variables: Readonly<Record<string, string>>;
}

/** The contents of a page. */
export interface ListPage {
  readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[];
  readonly nodes: readonly { readonly id: string }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  readonly totalCount: number;
}

const PAGE_VARIABLES = { first: 'Int', after: 'String', last: 'Int', before: 'String' };

const schema = createSchema();

/** The two directions of each value of `orderBy.field`; for a list without `orderBy`, the one order that its table says. */
function ordersOf(field: GraphQLField<unknown, unknown>, { name, sorts, columns }: Table): ListOrder[] {
  const orderBy = field.args.find((argument) => argument.name === 'orderBy');
  if (orderBy === undefined) {
    if (sorts === undefined) throw new Error(`${name}: expected the order of a list`);
    const column = columns[sorts.columns[sorts.byDefault.field] ?? '']?.sql ?? '';
    return [{ field: undefined, column, direction: sorts.byDefault.direction }];
  }
  const input = getNamedType(orderBy.type);
  const names = isInputObjectType(input) ? getNamedType(input.getFields()['field']?.type) : undefined;
  if (!isEnumType(names)) throw new Error(`${field.name}: expected an enumeration of what it sorts by`);
  // Not from the table, which could be wrong: CREATED_AT is the column created_at.
  return names.getValues().flatMap(({ name: value }) => [
    { field: value, column: value.toLowerCase(), direction: 'ASC' as const },
    { field: value, column: value.toLowerCase(), direction: 'DESC' as const },
  ]);
}

/** A list as the schema and the type's definition have it. */
function listOf({ name, table, parent }: ListSource): List {
  const [type = '', fieldName = ''] = name.split('.');
  const parentType = schema.getType(type);
  const field = isObjectType(parentType) ? parentType.getFields()[fieldName] : undefined;
  if (field === undefined) throw new Error(`${name}: the schema has no such field`);
  const own = field.args.filter((argument) => !Object.hasOwn(PAGE_VARIABLES, argument.name));
  return {
    name,
    field: fieldName,
    // Every table with a list is that of a type, or the record of changes.
    type: table.type as List['type'],
    table: table.name,
    parent: parent === undefined ? undefined : { type, column: table.columns[parent]?.sql ?? parent },
    orders: ordersOf(field, table),
    variables: Object.fromEntries(own.map((argument) => [argument.name, String(argument.type)])),
  };
}

/** Every list of the schema except `searchCustomers`, which has a different order for each kind of text. */
export const LISTS: readonly List[] = [...listSourcesOf(TYPES).values()]
  .filter(({ name }) => name !== 'Query.searchCustomers')
  .map(listOf);

export function listNamed(name: string): List {
  const found = LISTS.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no list ${name}`);
  return found;
}

/** A document with a `selection` on a list: a field of Query, or of each parent in `$ids`. */
export function listDocument({ field, parent, variables }: List, selection: string): string {
  const all = { ...PAGE_VARIABLES, ...variables };
  const declared = Object.entries(all).map(([name, type]) => `$${name}: ${type}`);
  const given = Object.keys(all).map((name) => `${name}: $${name}`);
  const page = `${field}(${given.join(', ')}) { ${selection} }`;
  if (parent === undefined) return `query List(${declared.join(', ')}) { ${page} }`;
  return `query List($ids: [ID!]!, ${declared.join(', ')}) { nodes(ids: $ids) { ... on ${parent.type} { ${page} } } }`;
}

/** The variables for a list of parents (row ids), in an order. */
export function listVariables(
  { parent }: List,
  { parents = [], order, ...rest }: { parents?: readonly number[]; order?: ListOrder } & Record<string, unknown>,
): Record<string, unknown> {
  return {
    ...rest,
    ...(parent === undefined ? {} : { ids: parents.map((id) => nodeId(parent.type, id)) }),
    ...(order?.field === undefined ? {} : { orderBy: { field: order.field, direction: order.direction } }),
  };
}

/** The pages of a list: one, or one per parent in the given order. */
export async function askList(
  gateway: TestGateway,
  asked: List,
  given: { selection: string; parents?: readonly number[]; order?: ListOrder } & Record<string, unknown>,
): Promise<ListPage[]> {
  const { selection, ...rest } = given;
  const data = await gateway.data(listDocument(asked, selection), listVariables(asked, rest));
  return asked.parent === undefined
    ? [data[asked.field]]
    : data.nodes.map((node: Record<string, ListPage>) => node[asked.field]);
}
