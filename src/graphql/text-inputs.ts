import {
  getNullableType,
  isInputObjectType,
  isListType,
  isObjectType,
  isScalarType,
  type GraphQLArgument,
  type GraphQLFieldResolver,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLSchema,
} from 'graphql';
import { normaliseText } from '../crm/text.ts';

/**
 * Taken as it comes: an email has characters of ASCII alone, and others that look or normalise like these must not become
 * one; a key for idempotency is its sender's own.
 */
const AS_IT_COMES: ReadonlySet<string> = new Set(['email', 'idempotencyKey']);

type Normalise = (value: unknown) => unknown;

/**
 * Has every text that comes in by an argument or a field of an input, however deep, normalised before a resolver sees it:
 * for each `String` of the schema, so that a new one cannot be forgotten. To be called once all resolvers are there.
 */
export function normaliseTextInputs(schema: GraphQLSchema): void {
  const known = new Map<GraphQLInputType, Normalise | undefined>();
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      const normalise = ofFields(field.args, known);
      if (normalise === undefined) continue;
      if (field.resolve !== undefined) field.resolve = onceNormalised(field.resolve, normalise);
      if (field.subscribe !== undefined) field.subscribe = onceNormalised(field.subscribe, normalise);
    }
  }
}

type Resolve = GraphQLFieldResolver<unknown, unknown>;

const onceNormalised =
  (resolve: Resolve, normalise: Normalise): Resolve =>
  (...[source, args, context, info]) =>
    resolve(source, normalise(args) as typeof args, context, info);

/** Undefined for a type without any text, whose values stay as they are. */
function ofType(type: GraphQLInputType, known: Map<GraphQLInputType, Normalise | undefined>): Normalise | undefined {
  const nullable = getNullableType(type);
  if (isListType(nullable)) {
    const normalise = ofType(nullable.ofType, known);
    return normalise && ((value) => (Array.isArray(value) ? value.map(normalise) : value));
  }
  if (isScalarType(nullable))
    return nullable.name === 'String'
      ? (value) => (typeof value === 'string' ? normaliseText(value) : value)
      : undefined;
  if (!isInputObjectType(nullable)) return undefined;
  if (!known.has(nullable)) {
    // An input may hold itself: until it is known, what it is then is looked up.
    known.set(nullable, (value) => known.get(nullable)?.(value) ?? value);
    known.set(nullable, ofFields(Object.values(nullable.getFields()), known));
  }
  return known.get(nullable);
}

function ofFields(
  fields: readonly (GraphQLArgument | GraphQLInputField)[],
  known: Map<GraphQLInputType, Normalise | undefined>,
): Normalise | undefined {
  const texts = fields.flatMap(({ name, type }) => {
    const normalise = AS_IT_COMES.has(name) ? undefined : ofType(type, known);
    return normalise === undefined ? [] : [[name, normalise] as const];
  });
  if (texts.length === 0) return undefined;
  return (value) => {
    const given = value as Readonly<Record<string, unknown>> | null | undefined;
    if (given === null || given === undefined) return value;
    // A plan keeps the values of literals from one request to the next: they are not written to.
    let changed: Record<string, unknown> | undefined;
    for (const [name, normalise] of texts) {
      const [before, after] = [given[name], normalise(given[name])];
      if (before !== after) changed = { ...(changed ?? given), [name]: after };
    }
    return changed ?? value;
  };
}
