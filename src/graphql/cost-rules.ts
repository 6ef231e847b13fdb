import {
  getDirectiveValues,
  getNamedType,
  getNullableType,
  GraphQLInt,
  isAbstractType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isLeafType,
  isListType,
  isObjectType,
  type DirectiveNode,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedOutputType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';

/** The arguments of a field's `@listSize`. */
export interface ListSize {
  readonly assumedSize: number | undefined;
  readonly slicingArguments: readonly string[];
  /** Empty when the field itself is the list. */
  readonly sizedFields: readonly string[];
}

type OutputField = GraphQLField<unknown, unknown>;

/** A part of the schema that can have `@cost`. */
interface Weighed {
  readonly astNode?: { readonly directives?: readonly DirectiveNode[] | undefined } | null | undefined;
}

/** The cost directives of a schema, with the specification's defaults where there are none. */
export interface CostRules {
  /** Per object in the result, or per scalar; not for abstract types. */
  readonly typeWeight: (type: GraphQLNamedOutputType) => number;
  /** Each time a field's resolver runs. */
  readonly fieldWeight: (field: OutputField) => number;
  /** For an argument or input field that is given. */
  readonly inputWeight: (input: Weighed & { readonly type: GraphQLInputType }) => number;
  readonly listSize: (field: OutputField) => ListSize | undefined;
}

// Introspection needs only the schema in memory, and its lists are short. A power of two keeps sums exact.
const INTROSPECTION_WEIGHT = 1 / 64;

/**
 * Reads `@cost` and `@listSize` as defined by https://ibm.github.io/graphql-specs/cost-spec.html (draft of 2021), with one
 * addition: a slicing argument may be a list, whose length counts.
 * @throws TypeError naming the first list field without a size, or what is wrong with a directive
 */
export function createCostRules(schema: GraphQLSchema): CostRules {
  const introspection = introspectionListSizes(schema);
  const isOfIntrospection = (field: OutputField) => isIntrospectionType(getNamedType(field.type));
  const weightOf = (part: Weighed, fallback: number) => givenWeight(schema, part) ?? fallback;
  const sizes = new Map<OutputField, ListSize | undefined>();
  const rules: CostRules = {
    typeWeight: (type) =>
      isIntrospectionType(type)
        ? isLeafType(type)
          ? 0
          : INTROSPECTION_WEIGHT
        : weightOf(type, isLeafType(type) ? 0 : 1),
    fieldWeight: (field) =>
      isLeafType(getNamedType(field.type))
        ? weightOf(field, 0)
        : isOfIntrospection(field)
          ? INTROSPECTION_WEIGHT
          : weightOf(field, 1),
    inputWeight: (input) => weightOf(input, isLeafType(getNamedType(input.type)) ? 0 : 1),
    listSize: (field) => (sizes.has(field) ? sizes.get(field) : introspection.get(field.name)),
  };
  for (const { name, field } of outputFields(schema)) sizes.set(field, givenListSize(schema, name, field));
  for (const { name, type, field } of outputFields(schema)) {
    if (isInterfaceType(type) && weightNode(field) !== undefined)
      throw new TypeError(`${name}: @cost may not stand on a field of an interface; put it on those of its types`);
    rules.fieldWeight(field);
    field.args.forEach(rules.inputWeight);
    assertSized(schema, sizes, { name, type, field });
  }
  for (const type of Object.values(schema.getTypeMap())) {
    givenWeight(schema, type);
    if (isInputObjectType(type)) Object.values(type.getFields()).forEach(rules.inputWeight);
  }
  return rules;
}

interface NamedField {
  /** For example `Customer.orders`. */
  readonly name: string;
  readonly type: GraphQLNamedOutputType;
  readonly field: OutputField;
}

function outputFields(schema: GraphQLSchema): NamedField[] {
  return Object.values(schema.getTypeMap())
    .filter((type) => (isObjectType(type) || isInterfaceType(type)) && !isIntrospectionType(type))
    .flatMap((type) =>
      Object.values((type as GraphQLObjectType).getFields()).map((field) => ({
        name: `${type.name}.${field.name}`,
        type: type as GraphQLObjectType,
        field,
      })),
    );
}

const weightNode = (part: Weighed): DirectiveNode | undefined =>
  part.astNode?.directives?.find((directive) => directive.name.value === 'cost');

function givenWeight(schema: GraphQLSchema, part: Weighed): number | undefined {
  const directive = schema.getDirective('cost');
  const node = weightNode(part);
  if (!directive || node === undefined) return undefined;
  const text = String(getDirectiveValues(directive, { directives: [node] })?.['weight']);
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new TypeError(`@cost(weight:): expected a decimal number, got "${text}"`);
}

function givenListSize(schema: GraphQLSchema, name: string, field: OutputField): ListSize | undefined {
  const directive = schema.getDirective('listSize');
  const directives = field.astNode?.directives ?? [];
  const given = directive && getDirectiveValues(directive, { directives });
  if (!given) return undefined;
  const size: ListSize = {
    assumedSize: (given['assumedSize'] ?? undefined) as number | undefined,
    slicingArguments: (given['slicingArguments'] ?? []) as readonly string[],
    sizedFields: (given['sizedFields'] ?? []) as readonly string[],
  };
  const wrong = whatIsWrong(field, size, { requiresOne: given['requireOneSlicingArgument'] !== false });
  if (wrong !== undefined) throw new TypeError(`${name}: @listSize ${wrong}`);
  return size;
}

/** Implements the validation rules of the specification's section 9.2. */
function whatIsWrong(
  field: OutputField,
  { assumedSize, slicingArguments, sizedFields }: ListSize,
  { requiresOne }: { requiresOne: boolean },
): string | undefined {
  if (assumedSize === undefined && slicingArguments.length === 0)
    return 'gives neither a size nor the arguments that set it';
  const slicing = field.args.filter((argument) => slicingArguments.includes(argument.name));
  if (slicing.length < slicingArguments.length) return 'names a slicing argument that the field does not have';
  if (!slicing.every(({ type }) => getNullableType(type) === GraphQLInt || isListType(getNullableType(type))))
    return 'names a slicing argument that is neither an Int nor a list';
  if (slicing.some(({ astNode }) => astNode?.defaultValue !== undefined))
    return 'names a slicing argument with a default, which would not be counted';
  const alwaysOne = slicing.length === 1 && getNullableType(slicing[0]?.type) !== slicing[0]?.type;
  if (slicing.length > 0 && requiresOne && !alwaysOne)
    return 'requires one slicing argument, but the schema does not: set requireOneSlicingArgument to false';
  if (slicing.length > 0 && !alwaysOne && assumedSize === undefined)
    return 'gives no size for when no slicing argument is given';
  if (sizedFields.length === 0)
    return isListType(getNullableType(field.type))
      ? undefined
      : 'is on a field that is not a list, and names no sizedFields';
  const type = getNamedType(field.type);
  const lists = isObjectType(type) ? sizedFields.map((one) => getNullableType(type.getFields()[one]?.type)) : [];
  return lists.length > 0 && lists.every((list) => isListType(list))
    ? undefined
    : 'names a sized field that is not a list';
}

/** Throws TypeError for a list whose size is given neither by itself nor by every field that leads to its type. */
function assertSized(
  schema: GraphQLSchema,
  sizes: ReadonlyMap<OutputField, ListSize | undefined>,
  { name, type, field }: NamedField,
): void {
  const list = getNullableType(field.type);
  if (!isListType(list)) return;
  if (isListType(getNullableType(list.ofType))) throw new TypeError(`${name}: lists of lists have no size`);
  if (sizes.get(field)?.sizedFields.length === 0) return;
  const leading = outputFields(schema).filter(({ field: other }) => {
    const given = getNamedType(other.type);
    return given === type || (isAbstractType(given) && isObjectType(type) && schema.isSubType(given, type));
  });
  const says = (other: NamedField) => sizes.get(other.field)?.sizedFields.includes(field.name) === true;
  const silent = leading.find((other) => !says(other));
  if (leading.length > 0 && silent === undefined) return;
  const blame = silent !== undefined && leading.some(says) ? `, and ${silent.name} does not say how long it is` : '';
  throw new TypeError(`${name}: a list without @listSize${blame}`);
}

const most = (counts: readonly number[]): number => Math.max(1, ...counts);

/** The maximum length of each introspection list, by field name, computed from the schema. */
function introspectionListSizes(schema: GraphQLSchema): ReadonlyMap<string, ListSize> {
  const types = Object.values(schema.getTypeMap());
  const fields = types.flatMap((type) => ('getFields' in type ? Object.values(type.getFields()) : []));
  const directives = schema.getDirectives();
  const sizes = {
    types: types.length,
    directives: directives.length,
    fields: most(types.map((type) => ('getFields' in type ? Object.keys(type.getFields()).length : 0))),
    inputFields: most(types.map((type) => ('getFields' in type ? Object.keys(type.getFields()).length : 0))),
    interfaces: most(types.map((type) => ('getInterfaces' in type ? type.getInterfaces().length : 0))),
    possibleTypes: most(types.map((type) => (isAbstractType(type) ? schema.getPossibleTypes(type).length : 0))),
    enumValues: most(types.map((type) => ('getValues' in type ? type.getValues().length : 0))),
    args: most([...fields, ...directives].map((one) => ('args' in one ? one.args.length : 0))),
    locations: most(directives.map((directive) => directive.locations.length)),
  };
  return new Map(
    Object.entries(sizes).map(([name, assumedSize]) => [name, { assumedSize, slicingArguments: [], sizedFields: [] }]),
  );
}
