import {
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  Kind,
  type ArgumentNode,
  type GraphQLArgument,
  type GraphQLInputType,
  type ValueNode,
} from 'graphql';
import { isGiven } from '../given.ts';
import type { CostRules } from './cost-rules.ts';
import { NOTHING, sum, type Costs, type Size, type Term, type Variables } from './cost-terms.ts';

type InputWeight = CostRules['inputWeight'];

/** An argument or an input field. */
type Input = Parameters<InputWeight>[0];

const costs = (field: number): Costs => ({ type: 0, field });

/** What a field's arguments, and the input fields within them, add to its cost. Null adds nothing. */
export function argumentsTerm(
  inputWeight: InputWeight,
  defined: readonly GraphQLArgument[],
  given: readonly ArgumentNode[] = [],
): Term {
  return sum(
    given.map(({ name, value }) => {
      const argument = defined.find((one) => one.name === name.value);
      return argument === undefined ? NOTHING : literalTerm(inputWeight, argument, value);
    }),
  );
}

function literalTerm(inputWeight: InputWeight, input: Input, value: ValueNode): Term {
  if (value.kind === Kind.NULL) return NOTHING;
  if (value.kind === Kind.VARIABLE) {
    if (inputWeight(input) === 0 && !isInputObjectType(getNamedType(input.type))) return NOTHING;
    const name = value.name.value;
    return (variables) => costs(valueWeight(inputWeight, input, variables[name]));
  }
  return sum([costs(inputWeight(input)), membersTerm(inputWeight, input.type, value)]);
}

function membersTerm(inputWeight: InputWeight, type: GraphQLInputType, value: ValueNode): Term {
  if (value.kind === Kind.LIST) return sum(value.values.map((one) => membersTerm(inputWeight, type, one)));
  if (value.kind === Kind.VARIABLE) {
    const name = value.name.value;
    return (variables) => costs(membersWeight(inputWeight, type, variables[name]));
  }
  const named = getNamedType(type);
  if (value.kind !== Kind.OBJECT || !isInputObjectType(named)) return NOTHING;
  const fields = named.getFields();
  return sum(
    value.fields.map((member) => {
      const field = fields[member.name.value];
      return field === undefined ? NOTHING : literalTerm(inputWeight, field, member.value);
    }),
  );
}

/** Like `literalTerm`, for a variable's value. Values of the wrong form cost nothing, since they are refused later. */
function valueWeight(inputWeight: InputWeight, input: Input, value: unknown): number {
  if (!isGiven(value)) return 0;
  return inputWeight(input) + membersWeight(inputWeight, input.type, value);
}

function membersWeight(inputWeight: InputWeight, type: GraphQLInputType, value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((all, one) => all + membersWeight(inputWeight, type, one), 0);
  const named = getNamedType(type);
  if (typeof value !== 'object' || value === null || !isInputObjectType(named)) return 0;
  const fields = named.getFields();
  return Object.entries(value).reduce((all, [name, member]) => {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return field === undefined ? all : all + valueWeight(inputWeight, field, member);
  }, 0);
}

/**
 * How many entries a field's slicing arguments request: the largest of them.
 * @param bounds.max anything larger is refused, so it counts as this
 * @param bounds.otherwise used when none is given, or only null
 */
export function slicedSize(
  slicing: readonly GraphQLArgument[],
  given: readonly ArgumentNode[],
  bounds: { readonly max: number; readonly otherwise: number },
): Size {
  const sizes = slicing.map((argument) => {
    const value = given.find(({ name }) => name.value === argument.name)?.value;
    return value === undefined ? undefined : slicingValue(argument, value, bounds.max);
  });
  const largest = (variables: Variables): number => {
    let max: number | undefined;
    for (const size of sizes) {
      const requested = typeof size === 'function' ? size(variables) : size;
      if (requested !== undefined && (max === undefined || requested > max)) max = requested;
    }
    return max ?? bounds.otherwise;
  };
  return sizes.some((size) => typeof size === 'function') ? largest : largest({});
}

function slicingValue(
  argument: GraphQLArgument,
  value: ValueNode,
  max: number,
): number | undefined | ((variables: Variables) => number | undefined) {
  const isList = isListType(getNullableType(argument.type));
  const sizeOf = (one: unknown): number | undefined => {
    if (!isGiven(one)) return undefined;
    if (isList) return Array.isArray(one) ? one.length : 1;
    return typeof one === 'number' ? Math.min(Math.max(one, 0), max) : undefined;
  };
  if (value.kind === Kind.VARIABLE) return (variables) => sizeOf(variables[value.name.value]);
  if (value.kind === Kind.NULL) return undefined;
  return sizeOf(value.kind === Kind.LIST ? value.values : value.kind === Kind.INT ? Number(value.value) : value);
}
