import {
  getDirectiveValues,
  getNamedType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  type DirectiveNode,
  type GraphQLNamedInputType,
  type GraphQLSchema,
} from 'graphql';
import { SCOPES, type Scope } from '../access/caller.ts';
import type { Maybe } from '../given.ts';

/** What `@requiresScopes` or `@maskedWithout` says: a caller must have all scopes of at least one of the lists. */
export type ScopeRule = readonly (readonly Scope[])[];

/** The rules of a schema. */
export interface ScopeRules {
  /** All rules that a caller must meet to select a field of an object type or interface. */
  ofField(type: string, field: string): readonly ScopeRule[];
  /** The rule of an input field; undefined when it has none. */
  ofInputField(type: string, field: string): ScopeRule | undefined;
  /** Whether an input object of this type can hold a field with a rule, however deep. */
  isRestricted(type: GraphQLNamedInputType): boolean;
}

/** Introspection fields are not in the schema's SDL. */
const EXPLORE: ScopeRule = [['crm:explore']];

/**
 * Reads the rules of a schema. A field needs what its type's rule and its own say; one of an interface also what it needs in each
 * type that implements it. Fields of Query, Mutation and Subscription must have a rule of their own, all other types one.
 * @param isExploreOpen whether introspection needs no scope
 * @throws TypeError listing every root field and type without a rule, or naming a scope that does not exist
 */
export function createScopeRules(schema: GraphQLSchema, isExploreOpen: boolean): ScopeRules {
  const roots = new Set(
    [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].map((type) => type?.name),
  );
  const [fields, inputs] = [new Map<string, ScopeRule[]>(), new Map<string, ScopeRule>()];
  const missing: string[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (isIntrospectionType(type)) continue;
    if (isObjectType(type) || isInterfaceType(type)) {
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
    if (isInputObjectType(type))
      for (const field of Object.values(type.getFields())) {
        const rule = scopeRuleOf(schema, field);
        if (rule !== undefined) inputs.set(`${type.name}.${field.name}`, rule);
      }
  }
  if (missing.length > 0) throw new TypeError(`expected @requiresScopes on ${missing.join(', ')}`);
  addImplementations(schema, fields);
  const restricted = restrictedInputs(schema, inputs);
  const introspection = isExploreOpen ? [] : [EXPLORE];
  return {
    ofField: (type, field) => fields.get(`${type}.${field}`) ?? introspection,
    ofInputField: (type, field) => inputs.get(`${type}.${field}`),
    isRestricted: (type) => restricted.has(type.name),
  };
}

/** Whether a caller with these scopes meets a rule. */
export const isMet = (rule: ScopeRule, scopes: readonly string[]): boolean =>
  rule.some((all) => all.every((scope) => scopes.includes(scope)));

/**
 * What a directive with the argument `scopes` says of a type, field or input field; undefined if it is not there.
 * @throws TypeError naming a scope that does not exist
 */
export function scopeRuleOf(
  schema: GraphQLSchema,
  { name, astNode }: { name: string; astNode?: Maybe<{ readonly directives?: readonly DirectiveNode[] | undefined }> },
  directiveName: 'requiresScopes' | 'maskedWithout' = 'requiresScopes',
): ScopeRule | undefined {
  const directive = schema.getDirective(directiveName);
  const { directives = [] } = astNode ?? {};
  const given = directive ? getDirectiveValues(directive, { directives }) : undefined;
  if (given === undefined) return undefined;
  return (given['scopes'] as readonly (readonly string[])[]).map((all) =>
    all.map((scope) => {
      const known = SCOPES.find((candidate) => candidate === scope);
      if (known === undefined) throw new TypeError(`${name}: there is no scope ${scope}`);
      return known;
    }),
  );
}

/** Otherwise, an interface would show what a type's own field hides. */
function addImplementations(schema: GraphQLSchema, fields: Map<string, ScopeRule[]>): void {
  for (const type of Object.values(schema.getTypeMap()))
    if (isInterfaceType(type))
      for (const name of Object.keys(type.getFields()))
        for (const { name: implementation } of schema.getPossibleTypes(type))
          fields.get(`${type.name}.${name}`)?.push(...(fields.get(`${implementation}.${name}`) ?? []));
}

/** The names of the input types that hold a field with a rule, or an object that does. */
function restrictedInputs(schema: GraphQLSchema, rules: ReadonlyMap<string, ScopeRule>): ReadonlySet<string> {
  const found = new Set<string>();
  const types = Object.values(schema.getTypeMap()).filter(isInputObjectType);
  // Types may contain each other, so this goes on until nothing is added.
  for (let before = -1; before < found.size;) {
    before = found.size;
    for (const type of types)
      for (const field of Object.values(type.getFields()))
        if (rules.has(`${type.name}.${field.name}`) || found.has(getNamedType(field.type).name)) found.add(type.name);
  }
  return found;
}
