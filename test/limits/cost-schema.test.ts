import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { buildSchema, isObjectType } from 'graphql';
import { SCOPES } from '../../src/access/caller.ts';
import { childTablesOf } from '../../src/crm/define-type.ts';
import { TYPES } from '../../src/crm/registry.ts';
import { MAX_USER_ERRORS } from '../../src/crm/user-errors.ts';
import { createCostRules } from '../../src/graphql/cost-rules.ts';

const SDL = readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8');

/** The error on start with a part of the schema replaced. */
function startWith(from: string | RegExp, to: string): string {
  const changed = SDL.replace(from, to);
  if (changed === SDL) throw new Error(`the schema has no ${String(from)}`);
  try {
    createCostRules(buildSchema(changed));
  } catch (error) {
    if (error instanceof TypeError) return error.message;
    throw error;
  }
  return 'started';
}

describe('a schema', () => {
  test('is accepted as it is', () => {
    expect(startWith('"An opaque identifier, unique across all types, that never changes."', '"Opaque."')).toBe(
      'started',
    );
  });

  test('is refused with a list that has no size', () => {
    expect(startWith(' @listSize(assumedSize: 200)', '')).toBe('Order.items: a list without @listSize');
    expect(startWith(/tags: \[String!\]! .*/, 'tags: [String!]!')).toBe('Customer.tags: a list without @listSize');
    expect(startWith(' @listSize(slicingArguments: ["ids"])', '')).toBe('Query.nodes: a list without @listSize');
  });

  test('is refused with a connection field that does not say how long the page is', () => {
    expect(
      startWith(/(orders\([^)]*\): OrderConnection!\s+@requiresScopes\([^)]*\))\s+@listSize\([^)]*\)/, '$1'),
    ).toMatch(
      /^OrderConnection.(edges|nodes): a list without @listSize, and Query.orders does not say how long it is$/,
    );
    expect(startWith('sizedFields: ["edges", "nodes"]', 'sizedFields: ["edges"]')).toBe(
      'CustomerConnection.nodes: a list without @listSize, and Query.customers does not say how long it is',
    );
  });

  test.each([
    ['gives neither a size nor the arguments that set it', 'assumedSize: 200', 'sizedFields: []'],
    ['names a slicing argument that the field does not have', '["ids"]', '["id"]'],
    ['names a slicing argument that is neither an Int nor a list', '["first", "last"]', '["first", "after"]'],
    ['names a slicing argument with a default, which would not be counted', 'first: Int\n', 'first: Int = 5\n'],
    [
      'requires one slicing argument, but the schema does not: set requireOneSlicingArgument to false',
      'requireOneSlicingArgument: false',
      '',
    ],
    ['gives no size for when no slicing argument is given', 'assumedSize: 20\n', ''],
    ['is on a field that is not a list, and names no sizedFields', 'sizedFields: ["edges", "nodes"]', ''],
    ['names a sized field that is not a list', 'sizedFields: ["edges", "nodes"]', 'sizedFields: ["pageInfo"]'],
  ])('is refused with a @listSize that %s', (what, from, to) => {
    expect(startWith(from, to)).toMatch(new RegExp(`^\\w+\\.\\w+: @listSize ${what.replaceAll(/[[\]()]/g, '\\$&')}$`));
  });

  test('is refused with a weight that is not a number, wherever it is', () => {
    const said = '@cost(weight:): expected a decimal number, got "much"';
    expect(startWith('@cost(weight: "100")', '@cost(weight: "much")')).toBe(said);
    expect(startWith('type Money @cost(weight: "0.1")', 'type Money @cost(weight: "much")')).toBe(said);
    expect(startWith('by: CustomerBy!', 'by: CustomerBy! @cost(weight: "much")')).toBe(said);
    expect(startWith('  tag: String', '  tag: String @cost(weight: "much")')).toBe(said);
    expect(startWith('scalar Decimal', 'scalar Decimal @cost(weight: "much")')).toBe(said);
  });

  test('is refused with a weight on a field of an interface, or with lists of lists', () => {
    expect(startWith(/(interface Node [^{]*\{[^}]*id: ID!)/, '$1 @cost(weight: "1")')).toBe(
      'Node.id: @cost may not stand on a field of an interface; put it on those of its types',
    );
    expect(startWith('addresses: [Address!]!', 'addresses: [[Address!]!]!')).toBe(
      'Customer.addresses: lists of lists have no size',
    );
  });
});

describe('the sizes that the schema gives', () => {
  const schema = buildSchema(SDL);
  const rules = createCostRules(schema);
  const sizeOf = (typeName: string, fieldName: string) => {
    const type = schema.getType(typeName);
    const field = isObjectType(type) ? type.getFields()[fieldName] : undefined;
    return field && rules.listSize(field)?.assumedSize;
  };

  test.each([
    ...childTablesOf(TYPES).map(
      ({ field, maxRows }) => [field.split('.')[0] ?? '', field.split('.')[1] ?? '', maxRows] as const,
    ),
    ['CreateCustomerPayload', 'userErrors', MAX_USER_ERRORS],
    ['Viewer', 'scopes', SCOPES.length],
  ])('are the limits that reads and writes enforce: %s.%s', (type, field, most) => {
    expect(sizeOf(type, field)).toBe(most);
  });
});
