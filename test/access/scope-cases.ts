import {
  buildSchema,
  getDirectiveValues,
  getNamedType,
  parseValue,
  valueFromASTUntyped,
  type GraphQLArgument,
  type GraphQLEnumValue,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import { SDL } from '../../src/graphql/schema.ts';
import { documentFor, type SchemaPath } from '../support/schema-paths.ts';
import { argumentForms, queriedFields, withArgument, withArguments } from './every-field.ts';

type Rule = readonly (readonly string[])[];
type Field = GraphQLField<unknown, unknown>;

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

const selectable = (schema: GraphQLSchema): Selectable[] => {
  const ofQueries = queriedFields(schema).map(({ type, field, path, coordinate }) => ({
    coordinate,
    field,
    rules: [...rulesAlong(schema, path), ...ruleOf(type), ...ruleOf(field), ...typenameRules(field)],
    document: (selection: string, variables = '') => `query ${variables} ${documentFor(path, selection)}`,
  }));
  const ofMutations = Object.values(schema.getMutationType()?.getFields() ?? {}).map((field) => ({
    coordinate: `Mutation.${field.name}`,
    field,
    rules: [...ruleOf(field), ...typenameRules(field)],
    document: (selection: string, variables = '') => `mutation ${variables} { ${selection} }`,
  }));
  return [...ofQueries, ...ofMutations];
};

/** `__typename` needs what its type says. */
const typenameRules = (field: Field): Rule[] => {
  const type = getNamedType(field.type);
  return 'getFields' in type ? ruleOf(type) : [];
};

function rulesAlong(schema: GraphQLSchema, path: SchemaPath): Rule[] {
  let type = schema.getQueryType() as GraphQLObjectType;
  return path.flatMap((step) => {
    const field = type.getFields()[step.replace(/\(.*/, '')];
    if (field === undefined) throw new Error(`no such field: ${step}`);
    const rules = [...ruleOf(type), ...ruleOf(field)];
    type = getNamedType(field.type) as GraphQLObjectType;
    return rules;
  });
}

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
