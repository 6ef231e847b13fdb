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
import { isGiven } from '../given.ts';

/**
 * Not normalised: emails are ASCII, and other characters must not become ASCII by being normalised; idempotency keys are compared
 * exactly as they were sent.
 */
const NOT_NORMALISED: ReadonlySet<string> = new Set(['email', 'idempotencyKey']);

type Normalise = (value: unknown) => unknown;

/**
 * Normalises every text in an argument or input field, however deep, before a resolver sees it. It covers each `String` of the
 * schema, so that a new one cannot be forgotten. Call it once all resolvers are attached.
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

/** Undefined for a type that contains no text. */
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
    // An input may contain itself, so its function is looked up when called, once it is known.
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
    const normalise = NOT_NORMALISED.has(name) ? undefined : ofType(type, known);
    return normalise === undefined ? [] : [[name, normalise] as const];
  });
  if (texts.length === 0) return undefined;
  return (value) => {
    const given = value as Readonly<Record<string, unknown>> | null | undefined;
    if (!isGiven(given)) return value;
    // A plan shares the values of literals between requests, so they must not be modified.
    let changed: Record<string, unknown> | undefined;
    for (const [name, normalise] of texts) {
      const [before, after] = [given[name], normalise(given[name])];
      if (before !== after) changed = { ...(changed ?? given), [name]: after };
    }
    return changed ?? value;
  };
}
