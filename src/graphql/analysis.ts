import { getNamedType, TypeInfo, visit, visitWithTypeInfo, type DocumentNode, type GraphQLSchema } from 'graphql';
import type { Table } from '../batch/table.ts';
import { TABLES } from '../crm/registry.ts';
import { cacheRule, typeCacheRule } from './schema.ts';

/** What is known about a document before it runs. Fragments count towards every operation of the document. */
export interface DocumentMetadata {
  /** The columns of each table that the document's fields need. */
  readonly columnsOf: (table: Table) => readonly string[];
  /** Whether any field is a cursor. */
  readonly readsCursors: boolean;
  /** How many seconds a response may be cached, from the smallest `maxAge` among the fields; 0 means not at all. */
  readonly maxAgeSeconds: number;
  /** The first field that has this lifetime, such as `Query.customers`; null if none has one. */
  readonly maxAgeField: string | null;
  /** The first field whose value may only be reused for the same caller; null if there is none. */
  readonly privateField: string | null;
}

/** The columns that a field needs besides the id, which is all that a field of another type's folder gets. */
const columnsOfField = ({ fields, columns }: Table, name: string): readonly string[] =>
  fields[name] ?? (name in columns ? [name] : []);

/** The fields of edges and of `PageInfo` that are cursors. Another type's field of such a name only has a column read in vain. */
const CURSORS: ReadonlySet<string> = new Set(['cursor', 'startCursor', 'endCursor']);

/** Computes the metadata of a valid document. */
export function analyse(schema: GraphQLSchema, document: DocumentNode): DocumentMetadata {
  const tables = new Map(TABLES.map((table) => [table.type, { table, columns: new Set(['id']) }]));
  let maxAge = Number.POSITIVE_INFINITY;
  let maxAgeField: string | null = null;
  let privateField: string | null = null;
  let readsCursors = false;
  const info = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(info, {
      Field(node) {
        const parent = info.getParentType();
        const field = info.getFieldDef();
        if (!parent || !field) return;
        readsCursors ||= CURSORS.has(field.name);
        const need = tables.get(parent.name);
        if (need !== undefined && field.name !== '__typename')
          for (const column of columnsOfField(need.table, node.name.value)) need.columns.add(column);
        const type = getNamedType(field.type);
        const rules = [cacheRule(schema, field.astNode), typeCacheRule(schema, type)];
        // Introspection depends on the schema rather than the data, and is never worth caching here.
        const isIntrospection = field.name === '__schema' || field.name === '__type';
        const own = isIntrospection ? 0 : (rules[0]?.maxAge ?? rules[1]?.maxAge ?? Number.POSITIVE_INFINITY);
        if (own < maxAge) {
          maxAge = own;
          maxAgeField = `${parent.name}.${field.name}`;
        }
        if (rules.some((rule) => rule.isPrivate)) privateField ??= `${parent.name}.${field.name}`;
      },
    }),
  );
  const columns = new Map([...tables].map(([type, need]) => [type, [...need.columns]]));
  return {
    columnsOf(table) {
      const known = columns.get(table.type);
      if (known === undefined) throw new TypeError(`${table.name}: no type in src/crm/registry.ts has this table`);
      return known;
    },
    readsCursors,
    maxAgeSeconds: Number.isFinite(maxAge) ? maxAge : 0,
    maxAgeField,
    privateField,
  };
}
