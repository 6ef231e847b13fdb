import {
  getArgumentValues,
  getNullableType,
  GraphQLID,
  GraphQLString,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  Kind,
  OperationTypeNode,
  visit,
  type DocumentNode,
  type FieldNode,
  type GraphQLAbstractType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { collectFields, conditionVariables, fragmentsOf, type Fragments } from './collect-fields.ts';
import { createFillObject, isCopied, type FillObject, type ObjectField } from './fill-object.ts';
import type { CostRules } from './cost-rules.ts';
import type { Costs } from './cost-terms.ts';
import type { Entry, Table } from './kept.ts';
import { unmaskedResolve } from './masking.ts';

/** A request's variables, coerced and with defaults filled in, as returned by `getVariableValues` of graphql-js. */
export type VariableValues = NonNullable<Parameters<typeof getArgumentValues>[2]>;

/** How to execute an operation, computed once and shared by all requests for it. */
export interface OperationPlan {
  readonly root: SelectionPlan;
  /** Whether each root field starts only after the previous one has ended, as in a mutation. */
  readonly isSerial: boolean;
}

/** The fields requested of an object of one type, in the result's order. */
export interface SelectionPlan {
  readonly fields: readonly FieldPlan[];
  /** Creates the object to put them into, with null for each. */
  readonly createObject: () => Record<string, unknown>;
  /** Creates the object with all fields filled in except the `uncopiedFields`, if that is possible at once. */
  readonly fillObject: FillObject;
  readonly uncopiedFields: readonly FieldPlan[];
  /** What the keys of an object take in a response. */
  readonly bytes: number;
  /** The weights of the object, and of its fields without their arguments. */
  readonly cost: Costs;
}

type Resolve = (source: unknown, args: object, context: unknown) => unknown;

/** A field of an object in the result. */
export interface FieldPlan extends ObjectField {
  readonly parentType: GraphQLObjectType;
  /** Every place in the document that requests it, for the locations of errors. */
  readonly nodes: readonly FieldNode[];
  /** Undefined to read the source's property of the same name. */
  readonly resolve: Resolve | undefined;
  /** Whether its arguments are the same for every request. */
  readonly isConstant: boolean;
  /** @throws GraphQLError for an invalid argument */
  readonly argumentsOf: (variables: VariableValues) => object;
  readonly completion: Completion;
}

/** How to complete a value, by its type. */
export type Completion = { readonly isNonNull: boolean } & (
  | { readonly kind: 'leaf'; readonly coerce: (value: unknown) => unknown }
  | { readonly kind: 'list'; readonly item: Completion }
  | { readonly kind: 'object'; readonly selection: () => SelectionPlan }
  | {
      readonly kind: 'abstract';
      readonly typeOf: ResolveType;
      /** @throws Error for a name that is not one of the possible types */
      readonly selection: (typeName: unknown) => SelectionPlan;
    }
);

/**
 * Creates the plans for one operation of a valid document. `@skip` and `@include` are applied when a plan is made, so there is
 * one for each combination of their values. The fields of a type are planned when its first object is encountered.
 * @param plans keeps them: a document with many conditions can have very many
 * @param owner the entry of the document, which its plans refer to
 * @param generateAfter how many objects a selection fills field by field before code is generated for it. A document that returns
 *   more is usually sent again; for a single use, generating code would not pay off.
 * @returns a function from a request's variables, and whether its caller may see all values (`Masks.isUnmasked`), to its plan; undefined for introspection, which graphql-js executes (`KeptDocument.plan`)
 */
export function createPlans(
  schema: GraphQLSchema,
  {
    document,
    operation,
    plans,
    owner,
    generateAfter = 64,
    weights = NO_WEIGHTS,
  }: {
    readonly document: DocumentNode;
    readonly operation: OperationDefinitionNode;
    readonly plans: PlanTable;
    readonly owner?: Entry;
    readonly generateAfter?: number;
    /** Undefined where nobody asks what an execution has cost. */
    readonly weights?: Weights | undefined;
  },
): (variables: VariableValues, isUnmasked?: boolean) => OperationPlan | undefined {
  const variables = conditionVariables(document, operation);
  const fragments = fragmentsOf(document);
  const rootType = schema.getRootType(operation.operation);
  if (!rootType) throw new Error(`the schema has no ${operation.operation}`);
  const isSerial = operation.operation === OperationTypeNode.MUTATION;
  owner?.grow(OPERATION_BYTES + fragments.size * FRAGMENT_BYTES);
  const planFor = (values: ReadonlyMap<string, boolean>, isUnmasked: boolean, entry: Entry): KeptPlan => {
    entry.grow(values.size * CONDITION_BYTES);
    const planner = new Planner({ schema, fragments, values }, { generateAfter, entry, isUnmasked, weights });
    const root = planner.selection(rootType, [operation.selectionSet]);
    return { plan: root.fields.some(isIntrospection) ? undefined : { root, isSerial } };
  };
  return ({ coerced }, isUnmasked = false) => {
    const key = [isUnmasked, ...variables.map((name) => coerced[name] === true)].map(Number).join('');
    const values = () => new Map(variables.map((name) => [name, coerced[name] === true]));
    return (plans.get(key) ?? plans.add(key, (entry) => planFor(values(), isUnmasked, entry), owner)).plan;
  };
}

interface KeptPlan {
  readonly plan: OperationPlan | undefined;
}

/** The plans of one operation, by the values of its conditions. */
export type PlanTable = Table<KeptPlan>;

// Measured, with the code that is generated once a selection has filled many objects (2026-11-27).
const OPERATION_BYTES = 2_000;
const SELECTION_BYTES = 500;
const FIELD_BYTES = 750;
const CONDITION_BYTES = 50;
const FRAGMENT_BYTES = 60;
/** In a response: quotes, colon and comma; braces and comma. */
const KEY_BYTES = 4;
const OBJECT_BYTES = 3;
/** For each node of an argument's value. */
const VALUE_BYTES = 40;

const isIntrospection = ({ name }: FieldPlan): boolean => name === '__schema' || name === '__type';

/** What an object of a type, and a resolver, add to the cost. */
type Weights = Pick<CostRules, 'typeWeight' | 'fieldWeight'>;

const NO_WEIGHTS: Weights = { typeWeight: () => 0, fieldWeight: () => 0 };

interface PlannerOptions {
  readonly generateAfter: number;
  readonly entry: Entry;
  readonly isUnmasked: boolean;
  readonly weights: Weights;
}

interface Selections {
  readonly schema: GraphQLSchema;
  readonly fragments: Fragments;
  /** Of the variables that `@skip` and `@include` use. */
  readonly values: ReadonlyMap<string, boolean>;
}

/** Creates the parts of one plan on demand. */
class Planner {
  readonly #selections: Selections;
  readonly #generateAfter: number;
  readonly #entry: Entry;
  readonly #isUnmasked: boolean;
  readonly #weights: Weights;

  constructor(selections: Selections, { generateAfter, entry, isUnmasked, weights }: PlannerOptions) {
    this.#selections = selections;
    this.#generateAfter = generateAfter;
    this.#entry = entry;
    this.#isUnmasked = isUnmasked;
    this.#weights = weights;
  }

  selection(type: GraphQLObjectType, sets: readonly SelectionSetNode[]): SelectionPlan {
    const { values } = this.#selections;
    const selections = sets.map((selectionSet) => ({ selectionSet, conditions: [] }));
    const byKey = collectFields(this.#selections, type, { selections, values });
    // A fragment that is spread twice gives its nodes twice.
    const fields = [...byKey].map(([key, found]) =>
      this.#field(type, key, [...new Set(found.map(({ node }) => node))]),
    );
    this.#entry.grow(SELECTION_BYTES + fields.length * FIELD_BYTES);
    return {
      fields,
      createObject: createEmpty(fields),
      fillObject: createFillObject(fields, this.#generateAfter),
      uncopiedFields: fields.filter((field) => !isCopied(field)),
      cost: { type: this.#weights.typeWeight(type), field: this.#fieldCost(type, fields) },
      bytes: fields.reduce((bytes, { key: { length } }) => bytes + length + KEY_BYTES, OBJECT_BYTES),
    };
  }

  #fieldCost(type: GraphQLObjectType, fields: readonly FieldPlan[]): number {
    const definitions = fields.flatMap(({ name }) => this.#selections.schema.getField(type, name) ?? []);
    return definitions.reduce((sum, definition) => sum + this.#weights.fieldWeight(definition), 0);
  }

  #field(parentType: GraphQLObjectType, key: string, nodes: readonly FieldNode[]): FieldPlan {
    const [node] = nodes;
    const definition = node && this.#selections.schema.getField(parentType, node.name.value);
    if (node === undefined || definition === undefined)
      throw new Error(`${parentType.name}.${key}: the document is not valid`);
    const { nodeCount, hasVariables } = countValues(node);
    // The key is in the object's shape and in the generated code.
    this.#entry.grow(nodeCount * VALUE_BYTES + key.length * 2);
    const isConstant = !hasVariables;
    const { name, type } = definition;
    return {
      key,
      name,
      parentType,
      nodes,
      resolve: this.#resolverOf(definition, parentType),
      isConstant,
      argumentsOf: argumentsOf(definition, node, isConstant),
      type,
      completion: this.#completion(
        type,
        nodes.flatMap(({ selectionSet }) => selectionSet ?? []),
      ),
      isText: isText(getNullableType(type)),
    };
  }

  /**
   * Our resolvers take three arguments (`createSchema` checks that): creating graphql-js's fourth, `info`, would cost more than
   * most resolvers.
   */
  #resolverOf(definition: GraphQLField<unknown, unknown>, { name }: GraphQLObjectType): Resolve | undefined {
    if (definition.name === '__typename') return () => name;
    return this.#isUnmasked ? unmaskedResolve(definition) : (definition.resolve as Resolve | undefined);
  }

  #completion(type: GraphQLOutputType, sets: readonly SelectionSetNode[], isNonNull = false): Completion {
    if (isNonNullType(type)) return this.#completion(type.ofType, sets, true);
    if (isListType(type)) return { kind: 'list', isNonNull, item: this.#completion(type.ofType, sets) };
    if (isLeafType(type)) return { kind: 'leaf', isNonNull, coerce: (value) => type.coerceOutputValue(value) };
    if (isObjectType(type)) return { kind: 'object', isNonNull, selection: once(() => this.selection(type, sets)) };
    const known = new Map<unknown, SelectionPlan>();
    const selection = (typeName: unknown): SelectionPlan => {
      let plan = known.get(typeName);
      if (plan === undefined) {
        plan = this.selection(this.#possibleType(type, typeName), sets);
        known.set(typeName, plan);
      }
      return plan;
    };
    return { kind: 'abstract', isNonNull, typeOf: typeResolverOf(type), selection };
  }

  #possibleType(type: GraphQLAbstractType, typeName: unknown): GraphQLObjectType {
    const possible = this.#selections.schema.getPossibleTypes(type).find(({ name }) => name === typeName);
    if (possible !== undefined) return possible;
    throw new Error(`${type.name}: expected one of its types, got ${String(typeName)}`);
  }
}

function countValues(node: FieldNode) {
  let [nodeCount, hasVariables] = [0, false];
  for (const argument of node.arguments ?? [])
    visit(argument, {
      enter({ kind }) {
        nodeCount += 1;
        hasVariables ||= kind === Kind.VARIABLE;
      },
    });
  return { nodeCount, hasVariables };
}

/** An object is filled faster if it has all its keys from the start, and this way can even have one called `__proto__`. */
function createEmpty(fields: readonly FieldPlan[]): () => Record<string, unknown> {
  const empty = Object.fromEntries(fields.map(({ key }) => [key, null]));
  return () => ({ ...empty });
}

const isText = (type: GraphQLOutputType): boolean =>
  type === GraphQLString || type === GraphQLID || (isScalarType(type) && type.coerceOutputValue === String);

function once<Result>(make: () => Result): () => Result {
  let made: Result | undefined;
  return () => (made ??= make());
}

function argumentsOf(
  definition: GraphQLField<unknown, unknown>,
  node: FieldNode,
  isConstant: boolean,
): FieldPlan['argumentsOf'] {
  if (definition.args.length === 0) return () => NO_ARGUMENTS;
  if (!isConstant) return (variables) => getArgumentValues(definition, node, variables);
  return once(() => Object.freeze(getArgumentValues(definition, node)));
}

const NO_ARGUMENTS = Object.freeze({});

type ResolveType = (value: unknown, context: unknown) => unknown;

const typeResolverOf = ({ resolveType }: GraphQLAbstractType): ResolveType =>
  (resolveType as ResolveType | undefined) ??
  ((value) => (typeof value === 'object' && value !== null && '__typename' in value ? value.__typename : undefined));
