import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
} from 'graphql';
import { globalId } from '../crm/global-id.ts';
import { TYPES } from '../crm/registry.ts';

type Given = Readonly<Record<string, unknown>>;

/** Whether a field accepts some arguments; an id, for example, must be of the right type. */
type Accepts = (given: Given) => boolean;

/** A placeholder for a row's id, until a real one is known. */
const PROBE_ID = '1';
/**
 * A text of each kind that a search may distinguish: a name, the start of an email, the start of a telephone number in
 * international and in national format.
 */
const PROBE_TEXTS = ['ma', 'ma@', '4930', '030123'];
const PROBE_PHONE = '+4930123456';

/** Example values for each scalar; a new scalar needs a line here. */
const PROBES: Readonly<Record<string, readonly unknown[]>> = {
  ID: TYPES.map(({ table }) => globalId(table.type, PROBE_ID)),
  String: PROBE_TEXTS,
  Int: [1],
  Boolean: [true, false],
  DateTime: ['2026-01-01T00:00:00.000Z'],
  Decimal: ['1'],
  CurrencyCode: ['EUR'],
  CountryCode: ['DE'],
  EmailAddress: ['ma@example.com'],
  PhoneNumber: [PROBE_PHONE],
};

const PROBE_VALUES: ReadonlySet<unknown> = new Set([PROBE_ID, ...Object.values(PROBES).flat()]);

/** Whether a value is a placeholder for a real one; enum values are not. */
export const isProbe = (value: string): boolean => PROBE_VALUES.has(value);

/** How many optional fields of one input are combined at most. */
const MAX_TOGETHER = 3;

/**
 * The sets of arguments to try: each value of an enumeration, several at once for a list, each optional field of an input alone
 * with all of its values, and two and three of them combined with one value each.
 * @param accepts distinguishes the ids of one type from those of another
 */
export function argumentSets(args: readonly GraphQLArgument[], accepts: Accepts): Given[] {
  const required = product(args.filter((arg) => isNonNullType(arg.type)).map((arg) => named(arg, () => true)));
  const first = required.find(accepts) ?? {};
  const optional = args
    .filter((arg) => !isNonNullType(arg.type))
    // Omitted last, so that of two equivalent sets the more explicit one comes first.
    .map((arg) => [...named(arg, (given) => accepts({ ...first, ...given })), {}]);
  return product([required, ...optional]).filter(accepts);
}

/** The values of one input, each keyed by the input's name. */
function named({ name, type }: GraphQLArgument | GraphQLInputField, accepts: Accepts): Given[] {
  return variants(type, (value) => accepts({ [name]: value }))
    .map((value) => ({ [name]: value }))
    .filter(accepts);
}

function variants(type: GraphQLInputType, accepts: (value: unknown) => boolean): readonly unknown[] {
  if (isNonNullType(type)) return variants(type.ofType, accepts);
  if (isListType(type)) {
    const each = variants(type.ofType, (value) => accepts([value]));
    return [...each.map((value) => [value]), ...(isEnumType(getNamedType(type)) ? [each] : [])];
  }
  if (isEnumType(type)) return type.getValues().map(({ name }) => name);
  if (isInputObjectType(type)) return objects(type, accepts);
  const probes = PROBES[type.name];
  if (probes === undefined) throw new Error(`probes.ts: expected an example of the scalar ${type.name}, found none`);
  return probes;
}

function objects(type: GraphQLInputObjectType, accepts: Accepts): Given[] {
  const fields = Object.values(type.getFields());
  if (type.isOneOf) return fields.flatMap((field) => named(field, accepts));
  const required = product(
    fields.filter((field) => isNonNullType(field.type)).map((field) => named(field, () => true)),
  );
  const [first] = required;
  const alone = fields
    .filter((field) => !isNonNullType(field.type))
    .map((field) => named(field, (given) => accepts({ ...first, ...given })));
  const together = subsets(alone.flatMap((values) => values.slice(0, 1)));
  return product([required, [...alone.flat(), ...together, {}]]).filter((given) => Object.keys(given).length > 0);
}

/** Combinations of two and more of the values, merged. */
function subsets(values: readonly Given[]): Given[] {
  let some = values.map((value, i) => ({ last: i, merged: value }));
  const found: Given[] = [];
  for (let size = 2; size <= MAX_TOGETHER; size += 1) {
    some = some.flatMap(({ last, merged }) =>
      values.slice(last + 1).map((value, i) => ({ last: last + 1 + i, merged: { ...merged, ...value } })),
    );
    found.push(...some.map(({ merged }) => merged));
  }
  return found;
}

/** One choice from each, merged, in every combination. */
const product = (choices: readonly (readonly Given[])[]): Given[] =>
  choices.reduce<Given[]>((so, choice) => so.flatMap((given) => choice.map((one) => ({ ...given, ...one }))), [{}]);
