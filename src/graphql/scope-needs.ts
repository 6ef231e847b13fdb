import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInputType,
  Kind,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLInputType,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { isGiven } from '../given.ts';
import { givenInputs } from './given-inputs.ts';
import type { Entry } from './kept.ts';
import type { VariableValues } from './plan.ts';
import type { ScopeRule } from './scope-rule.ts';
import type { ScopeRules } from './scope-rules.ts';

/** A rule that an operation's caller must meet, and the schema coordinates that need it, such as `Customer.email`. */
export interface ScopeNeed {
  readonly rule: ScopeRule;
  readonly coordinates: readonly string[];
}

/** Calculates what an operation needs, given the values of its variables. The same array for all if they make no difference. */
export type NeedsOf = (variables: VariableValues['coerced']) => readonly ScopeNeed[];

/** Needs by the text of their rule, so that each rule is checked once for each request. */
class Needs {
  readonly #byRule = new Map<string, { readonly rule: ScopeRule; readonly coordinates: Set<string> }>();

  add(coordinate: string, rule: ScopeRule): void {
    const text = JSON.stringify(rule);
    const known = this.#byRule.get(text);
    if (known === undefined) this.#byRule.set(text, { rule, coordinates: new Set([coordinate]) });
    else known.coordinates.add(coordinate);
  }

  list(): readonly ScopeNeed[] {
    return [...this.#byRule.values()].map(({ rule, coordinates }) => ({ rule, coordinates: [...coordinates] }));
  }
}

// Estimated: their texts, and the places that refer to them.
const NEEDS_BYTES = 1_000;
const COORDINATE_BYTES = 150;

export interface ScopeNeedsOptions {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly rules: ScopeRules;
  /** The kept document, which becomes heavier by the result. */
  readonly entry: Entry;
}

/**
 * Works out which rules an operation's caller must meet: those of all its fields, also of those that `@skip` and `@include` leave out,
 * and of the arguments, input fields and enum values that are given, unless they are null.
 */
export function scopeNeeds(schema: GraphQLSchema, { document, operation, rules, entry }: ScopeNeedsOptions): NeedsOf {
  const fixed = new Needs();
  /** Arguments and input fields whose value is a variable, which may be left out. */
  const byVariable: { readonly name: string; readonly coordinate: string; readonly rule: ScopeRule }[] = [];
  const info = new TypeInfo(schema);
  const reached = { kind: Kind.DOCUMENT, definitions: [operation, ...fragmentsOf(document, operation)] } as const;
  visit(
    reached,
    visitWithTypeInfo(info, {
      // Default values are among the values of variables.
      VariableDefinition: () => false,
      Field({ name }) {
        const parent = info.getParentType()?.name ?? '';
        // The fields of introspection's own types need what `__schema` and `__type` need.
        if (parent.startsWith('__')) return;
        for (const rule of rules.ofField(parent, name.value)) fixed.add(`${parent}.${name.value}`, rule);
      },
      ...givenInputs(info, (coordinate, value) => {
        for (const rule of rules.ofInput(coordinate))
          if (value.kind === Kind.VARIABLE) byVariable.push({ name: value.name.value, coordinate, rule });
          else fixed.add(coordinate, rule);
      }),
    }),
  );
  const inputs = (operation.variableDefinitions ?? []).flatMap(({ variable, type }) => {
    const input = inputTypeOf(schema, type);
    return input !== undefined && rules.isRestricted(input) ? [{ name: variable.name.value, type: input }] : [];
  });
  const list = fixed.list();
  entry.grow(NEEDS_BYTES + COORDINATE_BYTES * list.reduce((sum, { coordinates }) => sum + coordinates.length, 0));
  if (byVariable.length === 0 && inputs.length === 0) return () => list;
  return (variables) => {
    const needs = new Needs();
    for (const { name, coordinate, rule } of byVariable) if (isGiven(variables[name])) needs.add(coordinate, rule);
    for (const { name, type } of inputs) addInputs(variables[name], type, { rules, needs });
    return [...list, ...needs.list()];
  };
}

/** The named type of a variable. */
function inputTypeOf(
  schema: GraphQLSchema,
  type: NonNullable<OperationDefinitionNode['variableDefinitions']>[number]['type'],
) {
  let inner = type;
  while (inner.kind !== Kind.NAMED_TYPE) inner = inner.type;
  const found = schema.getType(inner.name.value);
  return isInputType(found) ? found : undefined;
}

/** Adds what the input fields and enum values in a variable's value need. */
function addInputs(
  value: unknown,
  type: GraphQLInputType,
  to: { readonly rules: ScopeRules; readonly needs: Needs },
): void {
  if (Array.isArray(value)) {
    for (const member of value) addInputs(member, type, to);
    return;
  }
  const named = getNamedType(type);
  if (!isGiven(value) || !to.rules.isRestricted(named)) return;
  const add = (coordinate: string) => {
    for (const rule of to.rules.ofInput(coordinate)) to.needs.add(coordinate, rule);
  };
  // Coerced, so that it may not be what the value is called.
  if (isEnumType(named)) for (const one of named.getValues()) if (one.value === value) add(String(one));
  if (typeof value !== 'object' || !isInputObjectType(named)) return;
  const fields = named.getFields();
  for (const [name, member] of Object.entries(value as object)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined || !isGiven(member)) continue;
    add(String(field));
    addInputs(member, field.type, to);
  }
}

/** The fragments that an operation uses, also through others. */
function fragmentsOf(document: DocumentNode, operation: OperationDefinitionNode): FragmentDefinitionNode[] {
  const byName = new Map(
    document.definitions.flatMap((one) =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one] as const] : [],
    ),
  );
  const found = new Set<FragmentDefinitionNode>();
  const queue: (OperationDefinitionNode | FragmentDefinitionNode)[] = [operation];
  for (let next = queue.pop(); next !== undefined; next = queue.pop())
    visit(next, {
      FragmentSpread({ name }) {
        const fragment = byName.get(name.value);
        if (fragment === undefined || found.has(fragment)) return;
        found.add(fragment);
        queue.push(fragment);
      },
    });
  return [...found];
}
