import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  Kind,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type GraphQLArgument,
  type GraphQLEnumValue,
  type GraphQLInputField,
  type GraphQLNamedInputType,
  type GraphQLSchema,
} from 'graphql';
import { givenInputs } from './given-inputs.ts';
import { scopeRuleOf, type ScopeRule } from './scope-rule.ts';
import { assertInputsTellNothing } from './telling-inputs.ts';

/** The rules of a schema. */
export interface ScopeRules {
  /** All rules that a caller must meet to select a field of an object type or interface. */
  ofField(type: string, field: string): readonly ScopeRule[];
  /** All rules that a caller must meet to give an argument, input field or enum value, by its schema coordinate. */
  ofInput(coordinate: string): readonly ScopeRule[];
  /** Whether a value of this type can hold an input field or enum value with a rule, however deep. */
  isRestricted(type: GraphQLNamedInputType): boolean;
}

type RulesByCoordinate = Map<string, ScopeRule[]>;
type Input = GraphQLArgument | GraphQLInputField | GraphQLEnumValue;

/** Introspection fields are not in the schema's SDL. */
const EXPLORE: ScopeRule = [['crm:explore']];

/**
 * Reads the rules of a schema. A field needs what its type's rule and its own say; one of an interface, and its arguments, also what
 * they need in each type that implements it. Fields of Query, Mutation and Subscription must have a rule of their own, all other
 * types one, and so must inputs that could tell what a field hides.
 * @param isExploreOpen whether introspection needs no scope
 * @throws TypeError listing every root field and type without a rule, or naming a scope that does not exist, an input that could tell
 * what a field hides, or a default that needs a scope
 */
export function createScopeRules(schema: GraphQLSchema, isExploreOpen: boolean): ScopeRules {
  const fields = rulesOfFields(schema);
  const inputs = rulesOfInputs(schema);
  addImplementations(schema, fields, inputs);
  assertFreeDefaults(schema, inputs);
  const restricted = restrictedInputs(schema, inputs);
  const introspection = isExploreOpen ? [] : [EXPLORE];
  const rules: ScopeRules = {
    ofField: (type, field) => fields.get(`${type}.${field}`) ?? introspection,
    ofInput: (coordinate) => inputs.get(coordinate) ?? [],
    isRestricted: (type) => restricted.has(type.name),
  };
  assertInputsTellNothing(schema, rules);
  return rules;
}

function rulesOfFields(schema: GraphQLSchema): RulesByCoordinate {
  const roots = new Set(
    [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].map((type) => type?.name),
  );
  const fields: RulesByCoordinate = new Map();
  const missing: string[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (isIntrospectionType(type) || !(isObjectType(type) || isInterfaceType(type))) continue;
    const ofType = scopeRuleOf(schema, type);
    if (ofType === undefined && !roots.has(type.name)) missing.push(type.name);
    fields.set(`${type.name}.__typename`, ofType === undefined ? [] : [ofType]);
    for (const field of Object.values(type.getFields())) {
      const own = scopeRuleOf(schema, field);
      if (own === undefined && roots.has(type.name)) missing.push(`${type.name}.${field.name}`);
      fields.set(
        `${type.name}.${field.name}`,
        [ofType, own].filter((rule) => rule !== undefined),
      );
    }
  }
  if (missing.length > 0) throw new TypeError(`expected @requiresScopes on ${missing.join(', ')}`);
  return fields;
}

function rulesOfInputs(schema: GraphQLSchema): RulesByCoordinate {
  const inputs: RulesByCoordinate = new Map();
  for (const input of inputsOf(schema)) {
    const rule = scopeRuleOf(schema, input);
    if (rule !== undefined) inputs.set(String(input), [rule]);
  }
  return inputs;
}

/** Every argument, input field and enum value of a schema. */
const inputsOf = (schema: GraphQLSchema): Input[] =>
  Object.values(schema.getTypeMap()).flatMap((type): readonly Input[] => {
    if (isIntrospectionType(type)) return [];
    if (isObjectType(type) || isInterfaceType(type)) return Object.values(type.getFields()).flatMap(({ args }) => args);
    if (isInputObjectType(type)) return Object.values(type.getFields());
    return isEnumType(type) ? type.getValues() : [];
  });

/** Otherwise, an interface would show what a type's own field hides, or take what its argument refuses. */
function addImplementations(schema: GraphQLSchema, fields: RulesByCoordinate, inputs: RulesByCoordinate): void {
  for (const type of Object.values(schema.getTypeMap()).filter(isInterfaceType))
    for (const field of Object.values(type.getFields()))
      for (const { name: implementation } of schema.getPossibleTypes(type)) {
        fields.get(`${type.name}.${field.name}`)?.push(...(fields.get(`${implementation}.${field.name}`) ?? []));
        for (const argument of field.args) {
          const own = inputs.get(`${implementation}.${field.name}(${argument.name}:)`) ?? [];
          if (own.length > 0) inputs.set(String(argument), [...(inputs.get(String(argument)) ?? []), ...own]);
        }
      }
}

/** Who gives nothing gets the default, and is asked for no scope. */
function assertFreeDefaults(schema: GraphQLSchema, inputs: RulesByCoordinate): void {
  for (const input of inputsOf(schema)) {
    const literal = 'type' in input ? input.astNode?.defaultValue : undefined;
    if (!('type' in input) || !literal || literal.kind === Kind.NULL) continue;
    const given = new Set([String(input)]);
    const info = new TypeInfo(schema, input.type);
    visit(
      literal,
      visitWithTypeInfo(
        info,
        givenInputs(info, (coordinate) => void given.add(coordinate)),
      ),
    );
    for (const coordinate of given)
      if (inputs.has(coordinate))
        throw new TypeError(`${String(input)}: expected no default that needs a scope, as ${coordinate} does`);
  }
}

/** The names of the input types that hold a field with a rule, or a value that does, and of the enums with a value that has one. */
function restrictedInputs(schema: GraphQLSchema, rules: RulesByCoordinate): ReadonlySet<string> {
  const types = Object.values(schema.getTypeMap());
  const found = new Set(
    types.filter((type) => isEnumType(type) && type.getValues().some((value) => rules.has(String(value)))).map(String),
  );
  // Types may contain each other, so this goes on until nothing is added.
  for (let before = -1; before < found.size;) {
    before = found.size;
    for (const type of types.filter(isInputObjectType))
      for (const field of Object.values(type.getFields()))
        if (rules.has(String(field)) || found.has(getNamedType(field.type).name)) found.add(type.name);
  }
  return found;
}
