import {
  getNamedType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';

/** The path from Query to every instance of a type: fields with their arguments, such as `customers(first: 100)`. */
export type SchemaPath = readonly string[];

const fieldsOf = (type: GraphQLObjectType): GraphQLField<unknown, unknown>[] => Object.values(type.getFields());

/** Whether a field has required arguments. */
export const needsArguments = (field: GraphQLField<unknown, unknown>): boolean => field.args.some(isRequiredArgument);

/** As written in a query: lists request the largest page. */
const asked = (field: GraphQLField<unknown, unknown>): string =>
  field.args.some((argument) => argument.name === 'first') ? `${field.name}(first: 100)` : field.name;

/** The shortest path to each object type that can be reached from Query without required arguments. */
export function pathsFromQuery(schema: GraphQLSchema): ReadonlyMap<string, SchemaPath> {
  const query = schema.getQueryType();
  if (!query) throw new Error('the schema has no Query');
  const paths = new Map<string, SchemaPath>([[query.name, []]]);
  const queue = [query];
  for (let type = queue.shift(); type !== undefined; type = queue.shift()) {
    const path = paths.get(type.name) ?? [];
    for (const field of fieldsOf(type).filter((candidate) => !needsArguments(candidate))) {
      const next = getNamedType(field.type);
      if (!isObjectType(next) || paths.has(next.name)) continue;
      paths.set(next.name, [...path, asked(field)]);
      queue.push(next);
    }
  }
  return paths;
}

/**
 * What to select of a field: nothing for a leaf, the id if it has one, otherwise every leaf and the same for its other fields,
 * so that a page is identified by its entries' ids.
 */
export function selectionOf(field: GraphQLField<unknown, unknown>): string {
  return `${asked(field)} ${subselection(getNamedType(field.type), [])}`.trim();
}

function subselection(type: unknown, within: readonly unknown[]): string {
  if (isLeafType(type)) return '';
  if (isInterfaceType(type)) return '{ id }';
  if (!isObjectType(type)) throw new Error(`not an output type of this schema: ${String(type)}`);
  if ('id' in type.getFields()) return '{ id }';
  const parts = fieldsOf(type)
    .filter((field) => !needsArguments(field) && !within.includes(getNamedType(field.type)))
    .map((field) => `${field.name} ${subselection(getNamedType(field.type), [...within, type])}`.trim());
  return `{ ${parts.join(' ')} }`;
}

/** A document that selects `selection` at the end of a path. */
export const documentFor = (path: SchemaPath, selection: string): string =>
  path.reduceRight((inner, step) => `{ ${step} ${inner} }`, `{ ${selection} }`);

/** The values at the end of a path: one per instance, with lists flattened and absent parents left out. */
export function valuesAt(data: unknown, path: SchemaPath): Readonly<Record<string, unknown>>[] {
  const found = path.reduce<unknown[]>(
    (values, step) =>
      values
        .flatMap((value) => (value as Record<string, unknown>)[step.replace(/\(.*/, '')])
        .filter((value) => value !== null),
    [data],
  );
  return found as Record<string, unknown>[];
}
