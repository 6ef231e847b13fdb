import { readFileSync } from 'node:fs';
import {
  getDirectiveValues,
  getNamedType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isScalarType,
  type DirectiveNode,
  type GraphQLNamedOutputType,
  type GraphQLSchema,
} from 'graphql';
import { createSchema as createExecutableSchema } from 'graphql-yoga';
import { assertIndexed } from '../batch/index-choice.ts';
import type { Table } from '../batch/table.ts';
import { listSourcesOf, tablesOf } from '../crm/define-type.ts';
import { createResolvers, TABLES, TYPES } from '../crm/registry.ts';
import type { Maybe } from '../given.ts';
import type { AnswerSize } from './answer-size.ts';
import { maskFields } from './masking.ts';
import { normaliseTextInputs } from './text-inputs.ts';

/** The SDL as clients read it. */
export const SDL = readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8');

/**
 * The schema of `schema.graphql` with its resolvers. Checked at start: each field of a type that is read from a table must
 * declare which columns it needs, each list's table an index for each order, and each field of Query how long its results may be
 * cached.
 * @throws Error naming a resolver without a field or type in the schema, or TypeError naming what is missing
 */
export function createSchema(): GraphQLSchema {
  const schema = createExecutableSchema({
    typeDefs: SDL,
    resolvers: Object.entries(createResolvers()).map(withoutUndefined),
  });
  assertNeedsNoInfo(schema);
  countPlainObjects(schema);
  for (const source of listSourcesOf(TYPES).values()) assertIndexed(source);
  normaliseTextInputs(schema);
  maskFields(schema);
  for (const table of TABLES) {
    const type = schema.getType(table.type);
    if (!isObjectType(type)) throw new TypeError(`${table.name}: the schema has no type ${table.type}`);
    for (const name of Object.keys(type.getFields()))
      if (!(name in table.columns) && !(name in table.fields) && !isResolvedElsewhere(table, name))
        throw new TypeError(`${table.type}.${name}: its table does not say which columns it needs`);
  }
  for (const field of Object.values(schema.getQueryType()?.getFields() ?? {})) {
    const own = cacheRule(schema, field.astNode);
    if (own.maxAge === undefined && typeCacheRule(schema, getNamedType(field.type)).maxAge === undefined)
      throw new TypeError(`Query.${field.name}: neither it nor its type has @cacheControl(maxAge)`);
  }
  return schema;
}

/** Whether another type's folder resolves a field; it gets only the row's id. */
const isResolvedElsewhere = (table: Table, field: string): boolean =>
  TYPES.some((type) => {
    const fields = (type.resolvers as Readonly<Record<string, object>>)[table.type];
    return fields !== undefined && field in fields && !tablesOf([type]).includes(table);
  });

/** A scalar's own properties without a value would replace the description and `specifiedByURL` that the SDL gives it. */
const withoutUndefined = ([type, given]: readonly [string, object]) => ({
  [type]: isScalarType(given)
    ? Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
    : given,
});

/** Has graphql-js count the objects of a result in the context's `size`. Plans count by themselves, and do not call `isTypeOf`. */
function countPlainObjects(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap()))
    if (isObjectType(type) && !isIntrospectionType(type)) type.isTypeOf = isCounted;
}

function isCounted(_: unknown, context: { readonly size?: AnswerSize }): true {
  context.size?.addObject();
  return true;
}

/** Plans call resolvers without graphql-js's `info`: `resolverOf` in plan.ts says why. */
function assertNeedsNoInfo(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap()))
    if (isObjectType(type) && !isIntrospectionType(type))
      for (const [name, { resolve }] of Object.entries(type.getFields()))
        if (resolve !== undefined && resolve.length > 3)
          throw new TypeError(
            `${type.name}.${name}: its resolver takes ${resolve.length} arguments; resolvers get three, and no info`,
          );
}

/** The arguments of `@cacheControl`, undefined where it is absent. */
export interface CacheRule {
  readonly maxAge: number | undefined;
  readonly isPrivate: boolean;
}

/** The rule of a field or type definition. */
export function cacheRule(
  schema: GraphQLSchema,
  node: Maybe<{ readonly directives?: readonly DirectiveNode[] | undefined }>,
): CacheRule {
  const directive = schema.getDirective('cacheControl');
  const given =
    directive && node?.directives ? getDirectiveValues(directive, { directives: node.directives }) : undefined;
  const maxAge = given?.['maxAge'];
  return { maxAge: typeof maxAge === 'number' ? maxAge : undefined, isPrivate: given?.['scope'] === 'PRIVATE' };
}

/** The rule of a field's named type. */
export function typeCacheRule(schema: GraphQLSchema, type: GraphQLNamedOutputType): CacheRule {
  return cacheRule(schema, isObjectType(type) || isInterfaceType(type) ? type.astNode : undefined);
}
