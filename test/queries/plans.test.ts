import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  buildSchema,
  execute,
  getNamedType,
  getNullableType,
  getVariableValues,
  isEnumType,
  isInterfaceType,
  isLeafType,
  isListType,
  isObjectType,
  Kind,
  parse,
  type ExecutionResult,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
} from 'graphql';
import { createRandom } from '../../src/data/seed/random.ts';
import { AnswerSize } from '../../src/graphql/answer-size.ts';
import { executePlan, type ExecutionInputs } from '../../src/graphql/execute-plan.ts';
import { createCostRules } from '../../src/graphql/cost-rules.ts';
import { createKept } from '../../src/graphql/kept.ts';
import { createPlans } from '../../src/graphql/plan.ts';
import { Turns, Work } from '../../src/turns.ts';
import { answerCosts } from '../support/answer-costs.ts';
import { randomRequest } from '../support/random-request.ts';
import { REQUEST_VALUES } from '../support/request-values.ts';
import { createSoak } from '../support/soak.ts';

// Generated resolvers instead of a database: they return what ours never return, and fail in every place.

const { seed, again, goesOn, report } = createSoak('plans');
const DOCUMENTS = 1_500;
/** How many of a thousand values do not match their type, in different documents. */
const FAULTS = [0, 30, 150];

/** A number for a text, the same for equal texts. */
const numberOf = (text: string): number =>
  createRandom([...text].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) | 0, 7) >>> 0, 0).below(1_000_000);

/** A value of a type or an invalid one, occasionally as a promise. Determined by `where` alone. */
function valueOf(type: GraphQLOutputType, where: string, faults: number): unknown {
  const drawn = numberOf(where);
  if (drawn % 1_000 < faults) return faultOf(drawn, where);
  const named = getNullableType(type);
  if (isListType(named)) {
    const length = drawn % 4;
    return Array.from({ length }, (_, i) => later(itemOf(named.ofType, `${where}.${i}`, faults), drawn));
  }
  if (type === named && drawn % 10 === 0) return null;
  if (isEnumType(named)) return named.getValues()[drawn % named.getValues().length]?.name;
  if (!isLeafType(named)) return { where, __typename: undefined };
  if (named.name === 'Int') return drawn % 100;
  if (named.name === 'Boolean') return drawn % 2 === 0;
  return `text ${drawn}`;
}

/** A list cannot throw in place of an item. */
function itemOf(type: GraphQLOutputType, where: string, faults: number): unknown {
  try {
    return valueOf(type, where, faults);
  } catch (error) {
    return error;
  }
}

function faultOf(drawn: number, where: string): unknown {
  const faults = [
    () => heeded(Promise.reject(new Error(`rejected ${where}`))),
    () => new Error(`given ${where}`),
    () => null,
    () => ({ odd: where }),
    () => [where],
    () => Number.NaN,
    () => {
      throw new Error(`thrown ${where}`);
    },
  ];
  return faults[Math.floor(drawn / 1_000) % faults.length]?.();
}

/** The value, or a promise of it that takes a while. */
function later(value: unknown, drawn: number): unknown {
  if (drawn % 3 !== 0) return value;
  let promise = Promise.resolve(value);
  for (let turns = drawn % 7; turns > 0; turns -= 1) promise = heeded(promise.then((same) => same));
  return promise;
}

/** graphql-js leaves rejections unhandled if a list is resolved too late. */
function heeded<Value>(promise: Promise<Value>): Promise<Value> {
  promise.then(undefined, () => undefined);
  return promise;
}

/** The schema with resolvers for about half of its fields; the others are properties or functions. */
function madeUpSchema(faults: number): GraphQLSchema {
  const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
  const objectOf = (type: GraphQLObjectType, where: string): object => {
    const object: Record<string, unknown> = { where, __typename: type.name };
    for (const field of Object.values(type.getFields())) {
      if (hasResolver(type, field.name)) continue;
      const at = `${where}.${field.name}`;
      const resolve = (args: object) => made(field.type, `${at}${JSON.stringify(args)}`);
      if (field.args.length > 0) object[field.name] = resolve;
      else Object.defineProperty(object, field.name, { enumerable: true, get: () => resolve({}) });
    }
    return object;
  };
  /** With the properties of its type if it is an object. */
  const made = (type: GraphQLOutputType, where: string): unknown => {
    const complete = (value: unknown): unknown => {
      if (value instanceof Promise) return heeded(value.then(complete));
      if (Array.isArray(value)) return value.map(complete);
      if (typeof value !== 'object' || value === null || !('where' in value)) return value;
      const named = getNamedType(type);
      const possible = isInterfaceType(named) ? schema.getPossibleTypes(named) : [named];
      const own = possible[numberOf(String(value.where)) % possible.length];
      return isObjectType(own) ? objectOf(own, String(value.where)) : value;
    };
    return later(complete(valueOf(type, where, faults)), numberOf(where));
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (isInterfaceType(type)) type.resolveType = (value: { __typename: string }) => value.__typename;
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields()))
      if (hasResolver(type, field.name))
        field.resolve = (source: { where?: string } | undefined, args) =>
          made(field.type, `${source?.where ?? 'root'}.${field.name}${JSON.stringify(args)}`);
  }
  return schema;
}

const hasResolver = (type: GraphQLObjectType, name: string): boolean =>
  type.name === 'Query' || type.name === 'Mutation' || numberOf(`${type.name}.${name}`) % 2 === 0;

interface Request {
  readonly query: string;
  readonly operationName?: string;
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** The inputs of an execution without limits. */
const inputsOf = (
  given: Pick<ExecutionInputs, 'variables'> & Partial<Pick<ExecutionInputs, 'work' | 'signal'>>,
): ExecutionInputs => ({
  contextValue: {},
  signal: new AbortController().signal,
  size: new AnswerSize({ responseObjects: Infinity, responseBytes: Infinity }),
  work: new Work('client'),
  noted: { stage: 'execute', about: () => ({ document: '', operation: undefined }) },
  ...given,
});

/**
 * The results of a request by graphql-js and by two plans, one of which fills objects from the start, each in one turn of the event
 * loop and in as many as possible.
 */
async function executed(schema: GraphQLSchema, { query, operationName, variables = {} }: Request) {
  const document = parse(query);
  const operation = document.definitions.find(
    (one) =>
      one.kind === Kind.OPERATION_DEFINITION && (operationName === undefined || one.name?.value === operationName),
  );
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`no operation in ${query}`);
  const { variableValues, errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  if (errors !== undefined) throw new Error(`${query}: ${errors.join()}`);
  const plans = [0, Infinity].map((generateAfter) =>
    createPlans(schema, { document, operation, plans: createKept(1_000_000).table(), generateAfter }),
  );
  const planned = [...plans, ...plans].map((planOf, i) => async () => {
    const plan = planOf(variableValues);
    if (plan === undefined) throw new Error(`no plan for ${query}`);
    // The last ones give up their turn after every object.
    const work = i < plans.length ? new Work('client') : new Work('client', new Turns({ ms: 0, callsPerLook: 1 }));
    return executePlan(plan, inputsOf({ variables: variableValues, work }));
  });
  const plain = await execute({ schema, document, operationName, variableValues: variables, contextValue: {} });
  return { plain, planned: await Promise.all(planned.map((execution) => execution())) };
}

/**
 * A result without what the specification leaves open: which of several errors at one place of the result is reported, and the
 * order of errors, which depends on timing.
 */
function essence({ data, errors = [] }: ExecutionResult) {
  const byPlace = new Map<string, string[]>();
  for (const { message, path = [], locations } of errors) {
    const place = placeOfNull(data, path).join('.');
    byPlace.set(place, [...(byPlace.get(place) ?? []), JSON.stringify({ message: told(message), path, locations })]);
  }
  // As text, to compare the order of fields.
  return { text: JSON.stringify(data), byPlace };
}

/** Errors about a type's name are never shown to anybody, and are worded differently. */
const told = (message: string): string =>
  message.replace(/^(Abstract|Runtime).*|^\w+: expected one of its types.*/, 'type');

/** The first null on the path to an error's place. */
function placeOfNull(data: unknown, path: readonly (string | number)[]): (string | number)[] {
  let at: unknown = data;
  const place: (string | number)[] = [];
  for (const key of path) {
    if (at === null || typeof at !== 'object') break;
    at = (at as Record<string | number, unknown>)[key];
    place.push(key);
  }
  return place;
}

function expectSame(result: ExecutionResult, plain: ExecutionResult, about: object): void {
  const [one, other] = [essence(result), essence(plain)];
  expect({ ...about, text: one.text, places: [...one.byPlace.keys()].sort() }).toEqual({
    ...about,
    text: other.text,
    places: [...other.byPlace.keys()].sort(),
  });
  for (const [place, errors] of one.byPlace) {
    const expected = other.byPlace.get(place) ?? [];
    // One error is reported per place. Where others compete with it, the executors may choose differently.
    if (errors.length === 1 && expected.length === 1 && isAlone(place, plain))
      expect({ ...about, errors }).toEqual({ ...about, errors: expected });
  }
}

/** Whether nothing else can have failed there: the place has no object whose other fields may have failed. */
const isAlone = (place: string, { errors = [] }: ExecutionResult): boolean =>
  errors.some(({ path = [] }) => path.join('.') === place);

// Sums of tenths are inexact.
const rounded = (cost: number): number => Math.round(cost * 1_000) / 1_000;

describe('a plan gives the same result as graphql-js', () => {
  test(`for ${DOCUMENTS} random documents, with resolved values that do not match their types`, async () => {
    const schemas = FAULTS.map(madeUpSchema);
    const random = createRandom(seed, 0);
    let [asked, failing] = [0, 0];
    for (; goesOn(asked >= DOCUMENTS); asked += 1) {
      const schema = random.pick(schemas);
      const request = randomRequest({
        schema,
        choose: (below) => random.below(below),
        values: REQUEST_VALUES,
        root: random.chance(100) ? 'Mutation' : 'Query',
        selections: 25,
        severalOperations: true,
      });
      const { plain, planned } = await executed(schema, request);
      if (plain.errors !== undefined) failing += 1;
      const about = { again, query: request.query, variables: request.variables };
      for (const result of planned) expectSame(result, plain, about);
    }
    report(`${asked} documents, each by two plans, twice; ${failing} of them with errors`);
    expect(failing).toBeGreaterThan(DOCUMENTS / 10);
    expect(failing).toBeLessThan(asked - DOCUMENTS / 10);
  });

  test('and counts what it has executed by the weights of the schema', async () => {
    const schema = madeUpSchema(0);
    const random = createRandom(seed, 1);
    for (let counted = 0; counted < DOCUMENTS / 10;) {
      const request = randomRequest({
        schema,
        choose: (below) => random.below(below),
        values: REQUEST_VALUES,
        root: 'Query',
        selections: 25,
      });
      const document = parse(request.query);
      const [operation] = document.definitions;
      if (operation?.kind !== Kind.OPERATION_DEFINITION) continue;
      const { variableValues } = getVariableValues(
        schema,
        operation.variableDefinitions ?? [],
        request.variables ?? {},
      );
      const weights = createCostRules(schema);
      const plans = createKept(1_000_000).table<never>();
      const plan = variableValues && createPlans(schema, { document, operation, plans, weights })(variableValues);
      if (variableValues === undefined || plan === undefined) continue;
      const inputs = inputsOf({ variables: variableValues });
      const { data, errors } = await executePlan(plan, inputs);
      // An error may take away what was executed.
      if (errors !== undefined) continue;
      counted += 1;
      const { typeCost, fieldCost } = answerCosts(schema, request.aliases, data);
      const { type, field } = inputs.size.cost;
      expect({ query: request.query, costs: [type, field].map(rounded) }).toEqual({
        query: request.query,
        costs: [typeCost, fieldCost].map(rounded),
      });
    }
  });

  test('for fields named __proto__', async () => {
    const { plain, planned } = await executed(madeUpSchema(0), {
      query: '{ __proto__: customers(first: 2) { __proto__: nodes { __proto__: name id } } }',
    });
    expect(JSON.stringify(plain)).toContain('"__proto__":{"__proto__":[');
    for (const result of planned) expect(JSON.stringify(result)).toBe(JSON.stringify(plain));
  });

  test('but calls no more resolvers once the time of the request is over', async () => {
    const schema = buildSchema('type Query { slow: Query, name: String }');
    const asked: string[] = [];
    const given = new AbortController();
    const slow = async () => {
      asked.push('slow');
      if (asked.length === 2) given.abort();
      return {};
    };
    Object.assign(schema.getQueryType()?.getFields()['slow'] ?? {}, { resolve: slow });
    const document = parse('{ slow { slow { slow { name } } } }');
    const [operation] = document.definitions;
    if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('no operation');
    const variables = { sources: {}, coerced: {} };
    const plan = createPlans(schema, { document, operation, plans: createKept(1_000_000).table() })(variables);
    if (plan === undefined) throw new Error('no plan');
    expect(await executePlan(plan, inputsOf({ variables, signal: given.signal }))).toEqual({ data: null });
    expect(asked).toEqual(['slow', 'slow']);
  });
});
