import {
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  isScalarType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import { documentFor, pathsFromQuery } from '../support/schema-paths.ts';
import { nodeId } from '../support/seeded.ts';

/** An argument or an input field whose value is a text, an id, or a scalar that is written as a text. */
export interface TextPlace {
  /** Such as `Mutation.createCustomer input.addresses.city`. */
  readonly name: string;
  readonly parent: GraphQLObjectType;
  readonly field: GraphQLField<unknown, unknown>;
  /** From the argument's name on, without positions in lists. */
  readonly path: readonly string[];
  /** The scalar's name. */
  readonly type: string;
}

const OTHER_SCALARS: ReadonlySet<string> = new Set(['Int', 'Float', 'Boolean']);

type Step = Pick<TextPlace, 'path' | 'type'>;
function stepsOf(type: GraphQLInputType, path: readonly string[]): Step[] {
  const named = getNamedType(type);
  if (isInputObjectType(named))
    return Object.values(named.getFields()).flatMap((field) => stepsOf(field.type, [...path, field.name]));
  return isScalarType(named) && !OTHER_SCALARS.has(named.name) ? [{ path, type: named.name }] : [];
}

/** Every such place of queries and mutations. */
export function textPlaces(schema: GraphQLSchema): TextPlace[] {
  const types = Object.values(schema.getTypeMap()).filter(isObjectType);
  const own = types.filter((type) => !type.name.startsWith('__') && type !== schema.getSubscriptionType());
  return own.flatMap((parent) =>
    Object.values(parent.getFields()).flatMap((field) =>
      field.args
        .flatMap((argument) => stepsOf(argument.type, [argument.name]))
        .map((step) => ({ ...step, parent, field, name: `${parent.name}.${field.name} ${step.path.join('.')}` })),
    ),
  );
}

/** Valid values of what a request must have besides the text, by name or by type; ids are those of the first rows. */
const PLAIN: Readonly<Record<string, unknown>> = {
  name: 'Somebody',
  subject: 'Something',
  body: 'Something was said',
  line1: 'Main Street 1',
  number: '+49 30 123456',
  currency: 'EUR',
  text: 'a',
  tags: 'plain',
  quantity: 1,
  // Of what would delete a customer, so that it is refused.
  expectedVersion: 1_000_000,
};
const IDS: Readonly<Record<string, string>> = {
  'UpdateTicketInput.id': 'Ticket',
  'UpdateOrderStatusInput.id': 'Order',
  'ProductBy.id': 'Product',
  'Query.id': 'Agent',
};
const DELETING: ReadonlySet<string> = new Set(['DeleteCustomerInput', 'MergeCustomersInput']);

interface Filling {
  readonly owner: string;
  readonly name: string;
  /** What is left of the way to the text; undefined beside it. */
  readonly rest: readonly string[] | undefined;
  readonly text: string;
  readonly row: number;
}

function fill(type: GraphQLInputType, filling: Filling): unknown {
  const { owner, name, rest, text, row } = filling;
  const nullable = getNullableType(type);
  if (isListType(nullable)) return [fill(nullable.ofType, filling)];
  if (isEnumType(nullable)) return nullable.getValues()[0]?.name;
  if (!isInputObjectType(nullable)) {
    if (rest !== undefined) return text;
    const id = name === 'mergeId' ? row + 1 : row;
    return nullable.name === 'ID' ? nodeId(IDS[`${owner}.${name}`] ?? 'Customer', id) : PLAIN[name];
  }
  const fields = Object.values(nullable.getFields());
  const [first] = fields;
  const wanted = fields.filter((field) =>
    nullable.isOneOf
      ? field.name === (rest?.[0] ?? first?.name)
      : isRequiredInputField(field) ||
        field.name === rest?.[0] ||
        (field.name === 'expectedVersion' && DELETING.has(nullable.name)),
  );
  const next = (field: { readonly name: string }): Filling => ({
    ...filling,
    owner: nullable.name,
    name: field.name,
    rest: field.name === rest?.[0] ? rest.slice(1) : undefined,
  });
  return Object.fromEntries(wanted.map((field) => [field.name, fill(field.type, next(field))]));
}

/** What a mutation returns besides its errors: the id of the object that it wrote, and what it has at the place. */
function written(payload: GraphQLObjectType, [, key = '', inner, ...further]: readonly string[]): string {
  const [result] = Object.values(payload.getFields());
  const type = getNamedType(result?.type);
  if (result === undefined || !isObjectType(type)) return result?.name ?? '';
  const at = type.getFields()[key];
  const within = getNamedType(at?.type);
  const leaf = isObjectType(within) ? getNamedType(within.getFields()[inner ?? '']?.type) : undefined;
  const isThere = further.length === 0 && (isObjectType(within) ? isLeafType(leaf) : inner === undefined);
  const shown = at === undefined || !isThere ? '' : `at: ${key} ${isObjectType(within) ? `{ ${inner} }` : ''}`;
  return `result: ${result.name} { id ${shown} }`;
}

export interface TextRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * A request that has a text at a place, and is valid but for that.
 * @param row which of the seeded rows it is about
 */
export function requestWith(
  schema: GraphQLSchema,
  { parent, field, path }: TextPlace,
  { text, row }: { readonly text: string; readonly row: number },
): TextRequest {
  const given = field.args.filter((argument) => isRequiredArgument(argument) || argument.name === path[0]);
  const valueOf = ({ name, type }: GraphQLArgument): unknown =>
    fill(type, { owner: parent.name, name, rest: name === path[0] ? path.slice(1) : undefined, text, row });
  const declared = given.map(({ name, type }) => `$${name}: ${String(type)}`).join(', ');
  const args = given.map(({ name }) => `${name}: $${name}`).join(', ');
  const type = getNamedType(field.type);
  const variables = Object.fromEntries(given.map((argument) => [argument.name, valueOf(argument)]));
  if (parent === schema.getMutationType()) {
    const selection = isObjectType(type) ? `{ ${written(type, path)} userErrors { code } }` : '';
    return { query: `mutation M(${declared}) { field: ${field.name}(${args}) ${selection} }`, variables };
  }
  const steps = (pathsFromQuery(schema).get(parent.name) ?? []).map((step) => step.replace('100', '1'));
  const selection = `field: ${field.name}(${args}) { __typename ${type.name.endsWith('Connection') ? 'totalCount' : ''} }`;
  return { query: `query Q(${declared}) ${documentFor(steps, selection)}`, variables };
}
