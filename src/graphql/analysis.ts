import {
  getNamedType,
  Kind,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import type { Table } from '../batch/table.ts';
import { TABLES } from '../crm/registry.ts';
import { cacheRule, typeCacheRule } from './schema.ts';
import { variableUse, type VariableUse } from './variables.ts';

/** What can be told of a document before it runs. Fragments count for every operation of the document. */
export interface DocumentFacts {
  /** The columns of each table that some field of the document needs. */
  readonly columnsOf: (table: Table) => readonly string[];
  /** Seconds that an answer may be kept, by the smallest `maxAge` among the fields; 0: never. */
  readonly maxAgeSeconds: number;
  /** Whether an answer may be shared only with the same caller. */
  readonly isPrivate: boolean;
  readonly variables: VariableUse;
}

/** Reads off a valid document what its execution needs. */
export function analyse(schema: GraphQLSchema, document: DocumentNode): DocumentFacts {
  const tables = new Map(TABLES.map((table) => [table.type, { table, columns: new Set(['id']) }]));
  let maxAge = Number.POSITIVE_INFINITY;
  let isPrivate = false;
  const info = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(info, {
      Field(node) {
        const parent = info.getParentType();
        const field = info.getFieldDef();
        if (!parent || !field) return;
        // Introspection goes with the schema and not with the data; it is never worth keeping here.
        if (field.name === '__schema' || field.name === '__type') maxAge = 0;
        const need = tables.get(parent.name);
        if (need !== undefined && field.name !== '__typename')
          for (const column of need.table.fields[node.name.value] ?? [node.name.value]) need.columns.add(column);
        const type = getNamedType(field.type);
        const rules = [cacheRule(schema, field.astNode), typeCacheRule(schema, type)];
        maxAge = Math.min(maxAge, rules[0]?.maxAge ?? rules[1]?.maxAge ?? Number.POSITIVE_INFINITY);
        isPrivate ||= rules.some((rule) => rule.isPrivate);
      },
    }),
  );
  const columns = new Map([...tables].map(([type, need]) => [type, [...need.columns]]));
  return {
    columnsOf: (table) => columns.get(table.type) ?? ['id'],
    maxAgeSeconds: Number.isFinite(maxAge) ? maxAge : 0,
    isPrivate,
    variables: variableUse(schema, document),
  };
}

/** The operation that a request picks, or undefined if there is none of the name, or several and no name. */
export function pickOperation(
  document: DocumentNode,
  operationName: string | null | undefined,
): OperationDefinitionNode | undefined {
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  if (operationName) return operations.find((operation) => operation.name?.value === operationName);
  return operations.length === 1 ? operations[0] : undefined;
}
