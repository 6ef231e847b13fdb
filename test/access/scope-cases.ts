import {
  buildSchema,
  getDirectiveValues,
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isUnionType,
  parseValue,
  valueFromASTUntyped,
  type GraphQLArgument,
  type GraphQLEnumValue,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import { SDL } from '../../src/graphql/schema.ts';
import { documentFor } from '../support/schema-paths.ts';
import { argumentForms, withArgument, withArguments } from './every-field.ts';

type Rule = readonly (readonly string[])[];
type Field = GraphQLField<unknown, unknown>;
type Composite = GraphQLObjectType | GraphQLInterfaceType;

const directive = buildSchema(SDL).getDirective('requiresScopes');
if (!directive) throw new Error('the schema has no @requiresScopes');

/** What the SDL says about a type, field or input. */
const ruleOf = ({
  astNode,
}: Pick<GraphQLNamedType | Field | GraphQLArgument | GraphQLInputField | GraphQLEnumValue, 'astNode'>): Rule[] => {
  const given = getDirectiveValues(directive, { directives: astNode?.directives ?? [] });
  return given === undefined ? [] : [given['scopes'] as Rule];
};

/** Whether a caller with these scopes meets all rules. */
export const isAllowed = (rules: readonly Rule[], scopes: readonly string[]): boolean =>
  rules.every((rule) => rule.some((all) => all.every((scope) => scopes.includes(scope))));

/** A document, and the rules that the SDL has for what is in it. */
export interface ScopeCase {
  readonly coordinate: string;
  readonly document: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly rules: readonly Rule[];
}

/** A field of some type, and how to select it. */
interface Selectable {
  readonly coordinate: string;
  readonly field: Field;
  readonly rules: readonly Rule[];
  readonly document: (selection: string, variables?: string) => string;
}

const OPERATIONS = [
  ['query', 'getQueryType'],
  ['mutation', 'getMutationType'],
  ['subscription', 'getSubscriptionType'],
] as const;

/** How to come to a type: from which root, and by which fields with the arguments that they cannot do without. */
interface Path {
  readonly operation: string;
  readonly steps: readonly string[];
  readonly rules: readonly Rule[];
}

/** Each field of each type, by the shortest path from Query, or otherwise from Mutation or Subscription. */
function selectable(schema: GraphQLSchema): Selectable[] {
  const paths = new Map<Composite, Path>();
  for (const [operation, root] of OPERATIONS) {
    const first = schema[root]();
    if (!first) continue;
    paths.set(first, { operation, steps: [], rules: [] });
    // What is added to a list while it is walked through comes later.
    const queue: Composite[] = [first];
    for (const type of queue) {
      const path = paths.get(type) as Path;
      for (const field of Object.values(type.getFields())) {
        const next = getNamedType(field.type);
        if (!isCompositeType(next) || isUnionType(next) || paths.has(next)) continue;
        const rules = [...path.rules, ...rulesOf(schema, type, field)];
        paths.set(next, { operation, steps: [...path.steps, withArguments(field)], rules });
        queue.push(next);
      }
    }
  }
  return [...paths].flatMap(([type, { operation, steps, rules }]) =>
    Object.values(type.getFields()).map((field) => ({
      coordinate: `${type.name}.${field.name}`,
      field,
      rules: [...rules, ...rulesOf(schema, type, field), ...typenameRules(field)],
      document: (selection: string, variables = '') => `${operation} ${variables} ${documentFor(steps, selection)}`,
    })),
  );
}

/** What a field of a type needs; one of an interface also what it needs in each type that may be found there. */
const rulesOf = (schema: GraphQLSchema, type: Composite, field: Field): Rule[] => {
  const own = [...ruleOf(type), ...ruleOf(field)];
  if (!isInterfaceType(type)) return own;
  const found = schema
    .getPossibleTypes(type)
    .flatMap((one) => rulesOf(schema, one, one.getFields()[field.name] as Field));
  return [...own, ...found];
};

/** `__typename` needs what its type says. */
const typenameRules = (field: Field): Rule[] => {
  const type = getNamedType(field.type);
  return 'getFields' in type ? ruleOf(type) : [];
};

const selectionOf = (field: Field): string => ('getFields' in getNamedType(field.type) ? '{ __typename }' : '');

/** Each field of each type that a document can select. */
export const fieldCases = (schema: GraphQLSchema): ScopeCase[] =>
  selectable(schema).map(({ coordinate, field, rules, document }) => ({
    coordinate,
    rules,
    document: document(`${withArguments(field)} ${selectionOf(field)}`),
    variables: {},
  }));

/** How a value may be given. */
const WAYS = ['literal', 'variable', 'default', 'member'] as const;

/**
 * Each argument of each field and mutation, each field of their inputs, and each value of their enums: as a literal, in a variable, as a
 * variable's default, and as a variable within a literal.
 */
export const inputCases = (schema: GraphQLSchema, ways: readonly (typeof WAYS)[number][] = WAYS): ScopeCase[] =>
  selectable(schema).flatMap(({ coordinate, field, rules: own, document }) =>
    argumentForms(field).flatMap((form) => {
      const { argument, text, leaf } = form;
      const rules = [...own, ...form.given.flatMap(ruleOf)];
      const written = (value: string, definitions?: string) =>
        document(`${withArgument(field, argument.name, value)} ${selectionOf(field)}`, definitions);
      const valueOf = (literal: string) => valueFromASTUntyped(parseValue(literal));
      const byWay = {
        literal: { document: written(text), variables: {} },
        variable: { document: written('$v', `($v: ${String(argument.type)})`), variables: { v: valueOf(text) } },
        default: { document: written('$v', `($v: ${String(argument.type)} = ${text})`), variables: {} },
        member: { document: written(form.with('$v'), `($v: ${leaf.type}!)`), variables: { v: valueOf(leaf.text) } },
      };
      return ways.map((way) => ({ coordinate, rules, ...byWay[way] }));
    }),
  );
