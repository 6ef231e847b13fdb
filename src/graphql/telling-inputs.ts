import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  type GraphQLArgument,
  type GraphQLEnumValue,
  type GraphQLInputField,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import { PERSONAL_SCALARS } from '../crm/masks.ts';
import { isMet, scopeRuleOf, type ScopeRule } from './scope-rule.ts';

/** What a schema requires, as far as it is asked here. */
interface Required {
  ofField(type: string, field: string): readonly ScopeRule[];
  ofInput(coordinate: string): readonly ScopeRule[];
}

/** A field whose value not everybody sees who sees its type. */
interface Secret {
  readonly coordinate: string;
  /** What is asked of those who see it. */
  readonly rule: ScopeRule;
  /** The name of its type. */
  readonly named: string;
  /** The names by which inputs would be about it. */
  readonly names: readonly string[];
}

type Input = GraphQLArgument | GraphQLInputField | GraphQLEnumValue;

/** For a personal scalar that no field has. */
const PERSONAL: ScopeRule = [['crm:pii']];

/**
 * Checks every argument, input field and enum value that a query or subscription can give: a filter by a value, or an order, tells
 * the value as well as the field does, by what is found. Such an input has a personal scalar as its type, or its name begins with
 * that of a field which is masked or has a rule of its own. What only mutations are given tells nothing.
 * @throws TypeError naming one that asks for less than the field does, itself and by what takes it
 */
export function assertInputsTellNothing(schema: GraphQLSchema, required: Required): void {
  const secrets = secretsOf(schema);
  const [shown, seen] = [shownEnums(schema, secrets), new Set<string>()];
  const check = (input: Input, above: readonly ScopeRule[]): void => {
    const rules = [...above, ...required.ofInput(String(input))];
    const type = 'type' in input ? getNamedType(input.type) : undefined;
    for (const { rule, coordinate } of toldBy(input.name, type?.name, secrets))
      if (!demands(rules, rule))
        throw new TypeError(
          `${String(input)}: expected @requiresScopes(scopes: ${listOf(rule)}) on it or on what takes it, since it could tell ${coordinate}`,
        );
    // Inputs may contain themselves.
    const key = JSON.stringify([type?.name, [...new Set(rules.map(listOf))].toSorted()]);
    if (seen.has(key)) return;
    seen.add(key);
    if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) check(field, rules);
    if (isEnumType(type) && !shown.has(type.name)) for (const value of type.getValues()) check(value, rules);
  };
  for (const type of outputTypes(schema))
    if (type !== schema.getMutationType())
      for (const field of Object.values(type.getFields()))
        for (const argument of field.args) check(argument, required.ofField(type.name, field.name));
}

const outputTypes = (schema: GraphQLSchema): (GraphQLObjectType | GraphQLInterfaceType)[] =>
  Object.values(schema.getTypeMap()).flatMap((type) =>
    (isObjectType(type) || isInterfaceType(type)) && !isIntrospectionType(type) ? [type] : [],
  );

/** As it is written in a schema. */
const listOf = (rule: ScopeRule): string => JSON.stringify(rule).replaceAll(',', ', ');

function secretsOf(schema: GraphQLSchema): Secret[] {
  const roots = new Set<unknown>([schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]);
  const types = outputTypes(schema);
  /** The names of the fields by which objects with an id hold a part that has none, such as an address, and of its type. */
  const namesOfPart = (part: GraphQLObjectType | GraphQLInterfaceType): string[] => {
    const holders = types
      .filter((type) => type.getInterfaces().length > 0)
      .flatMap((type) => Object.values(type.getFields()))
      .filter((field) => getNamedType(field.type) === part);
    return part.getInterfaces().length > 0 || holders.length === 0
      ? []
      : [part.name, ...holders.map(({ name }) => name)];
  };
  return types.flatMap((type) =>
    Object.values(type.getFields()).flatMap((field) => {
      // What a root field requires is necessary to ask for anything by it, and makes it no secret.
      const own = roots.has(type) ? undefined : scopeRuleOf(schema, field);
      const rule = scopeRuleOf(schema, field, 'maskedWithout') ?? own;
      if (rule === undefined) return [];
      const names = [field.name, ...namesOfPart(type)].map((name) => wordsOf(name).join(''));
      return [{ coordinate: String(field), rule, named: getNamedType(field.type).name, names }];
    }),
  );
}

/** Enums that some field shows to everybody: their values, such as the kinds of interaction, are no names of fields. */
const shownEnums = (schema: GraphQLSchema, secrets: readonly Secret[]): ReadonlySet<string> => {
  const hidden = new Set(secrets.map(({ coordinate }) => coordinate));
  return new Set(
    outputTypes(schema)
      .flatMap((type) => Object.values(type.getFields()))
      .filter((field) => !hidden.has(String(field)))
      .map((field) => getNamedType(field.type))
      .filter(isEnumType)
      .map(({ name }) => name),
  );
};

function toldBy(name: string, type: string | undefined, secrets: readonly Secret[]): readonly Secret[] {
  const words = wordsOf(name);
  const beginnings = words.map((_, i) => words.slice(0, i + 1).join(''));
  const byName = secrets.filter(({ names }) => names.some((one) => beginnings.some((text) => isSame(text, one))));
  if (type === undefined || !PERSONAL_SCALARS.has(type)) return byName;
  const byType = secrets.filter(({ named }) => named === type);
  if (byType.length > 0) return [...byType, ...byName];
  return [{ coordinate: `values of ${type}`, rule: PERSONAL, named: type, names: [] }, ...byName];
}

/** The words of a name in camelCase, CONSTANT_CASE or snake_case, in lower case. */
const wordsOf = (name: string): string[] =>
  name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split('_')
    .filter((word) => word !== '');

/** Whether a text is a name, or its plural. */
const isSame = (text: string, name: string): boolean =>
  [name, `${name}s`, `${name}es`, name.replace(/y$/, 'ies')].includes(text);

/** Whether whoever meets all rules also meets another. */
function demands(rules: readonly ScopeRule[], other: ScopeRule): boolean {
  const ways = rules.reduce<readonly (readonly string[])[]>(
    (all, rule) => all.flatMap((scopes) => rule.map((more) => [...scopes, ...more])),
    [[]],
  );
  return ways.every((scopes) => isMet(other, scopes));
}
