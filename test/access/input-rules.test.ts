import { describe, expect, test } from '@jest/globals';
import { buildSchema } from 'graphql';
import { parseConfig } from '../../src/config.ts';
import { createDocuments } from '../../src/graphql/documents.ts';
import { createKept } from '../../src/graphql/kept.ts';
import { createPrepare } from '../../src/graphql/prepare.ts';
import { SDL } from '../../src/graphql/schema.ts';
import { isMet } from '../../src/graphql/scope-rule.ts';
import { createScopeRules } from '../../src/graphql/scope-rules.ts';
import { ANYBODY } from '../../src/access/caller.ts';
import { SCOPE_SETS } from './every-field.ts';
import { NOT_PERSISTED, originOf } from './run-alone.ts';
import { inputCases, isAllowed } from './scope-cases.ts';

const PII = '@requiresScopes(scopes: [["crm:pii"]])';
const READ = '@requiresScopes(scopes: [["crm:read"]])';

/** With rules in all places where they may stand, since the gateway's own schema has them on input fields alone. */
const EXTENSION = `
  extend type Query {
    found(
      email: EmailAddress ${PII}
      note: [String!] @requiresScopes(scopes: [["crm:explore"], ["crm:write", "crm:pii"]])
      texts: [TextFilter!]
      kinds: [[FoundKind!]!]
      plain: String
    ): Int ${READ}
  }
  extend type Mutation { noted(kind: FoundKind!): Int @requiresScopes(scopes: [["crm:write"]]) }
  extend type Customer { marked(id: ID ${PII}): Boolean }
  input TextFilter { options: [TextOption!], kind: FoundKind, text: String }
  input TextOption @oneOf { bodyContains: String ${PII}, any: String @requiresScopes(scopes: [["crm:explore"]]), all: String }
  enum FoundKind { NAME EMAIL ${PII} }
  extend enum CustomerOrderField { EMAIL ${PII} }
`;
const ADDED = ['Query.found', 'Mutation.noted', 'Customer.marked', 'Query.customers', 'Agent.customers'];

test('rules on arguments, input fields and enum values are asked of everybody who gives them, however they are given', () => {
  const schema = buildSchema(`${SDL} ${EXTENSION}`);
  const { limits } = parseConfig({ LIMIT_COST: '1000000', LIMIT_DEPTH: '30' });
  const kept = createKept(64 * 1024 * 1024);
  const documents = createDocuments({ schema, limits, kept, isExploreOpen: false });
  const prepare = createPrepare({ schema, kept, persisted: NOT_PERSISTED, isExploreOpen: false, documents });
  const cases = inputCases(schema).filter(({ coordinate }) => ADDED.includes(coordinate));
  expect(new Set(cases.map(({ coordinate }) => coordinate)).size).toBe(ADDED.length);
  const wrong: unknown[] = [];
  let differing = 0;
  for (const { document, variables, rules } of cases) {
    const request = { query: document, persisted: undefined, operationName: undefined, variables };
    const text = JSON.stringify(request);
    const { needs } = prepare({ text, parse: () => request }, originOf(ANYBODY));
    for (const scopes of SCOPE_SETS) {
      const isRefused = needs.some(({ rule }) => !isMet(rule, scopes));
      if (isRefused === isAllowed(rules, scopes)) wrong.push({ document, variables, scopes, needs });
      if (isRefused && scopes.includes('crm:read') && scopes.includes('crm:write')) differing += 1;
    }
  }
  expect(wrong).toEqual([]);
  expect(differing).toBeGreaterThan(50);
});

describe('a schema with an input that could tell what is masked', () => {
  const DIRECTIVES = `
    directive @requiresScopes(scopes: [[String!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | ENUM_VALUE
    directive @maskedWithout(scopes: [[String!]!]!) on FIELD_DEFINITION
    scalar EmailAddress scalar PhoneNumber
    interface Node ${READ} { id: ID }
    type Person implements Node ${READ} {
      id: ID
      email: EmailAddress @maskedWithout(scopes: [["crm:pii"]])
      secret: Int @requiresScopes(scopes: [["crm:explore", "crm:pii"]])
      kind: Kind
      addresses: [Address]
    }
    type Address ${READ} { line1: String @maskedWithout(scopes: [["crm:pii"]]), postalCode: String @maskedWithout(scopes: [["crm:pii"]]), country: String }
    enum Kind { EMAIL CALL }
    enum Order { NAME }`;
  const start = (fields: string, more = ''): string => {
    try {
      createScopeRules(buildSchema(`${DIRECTIVES} type Query { ${fields} } ${more}`), false);
    } catch (error) {
      if (error instanceof TypeError) return error.message;
      throw error;
    }
    return 'started';
  };
  const people = (argument: string, rule = READ) => `people(${argument}): Person ${rule}`;
  const lacks = (coordinate: string, told: string, scopes = '[["crm:pii"]]') =>
    `${coordinate}: expected @requiresScopes(scopes: ${scopes}) on it or on what takes it, since it could tell ${told}`;

  test.each<[string, string, string, string]>([
    ['a personal scalar', people('by: EmailAddress'), '', lacks('Query.people(by:)', 'Person.email')],
    ['a list of them', people('by: [EmailAddress!]!'), '', lacks('Query.people(by:)', 'Person.email')],
    ['a scalar of no field', people('by: PhoneNumber'), '', lacks('Query.people(by:)', 'values of PhoneNumber')],
    ['a name', people('email: String'), '', lacks('Query.people(email:)', 'Person.email')],
    [
      'the beginning of a name',
      people('emailEndsWith: String'),
      '',
      lacks('Query.people(emailEndsWith:)', 'Person.email'),
    ],
    ['a plural', people('emails: [String]'), '', lacks('Query.people(emails:)', 'Person.email')],
    [
      'several words',
      people('postal_codeIn: [String]'),
      '',
      lacks('Query.people(postal_codeIn:)', 'Address.postalCode'),
    ],
    [
      'the whole of a part',
      people('addressesContain: String'),
      '',
      lacks('Query.people(addressesContain:)', 'Address.line1'),
    ],
    ['a part', people('addressLike: String'), '', lacks('Query.people(addressLike:)', 'Address.line1')],
    [
      'a field with a rule of its own',
      people('secret: Int', PII),
      '',
      lacks('Query.people(secret:)', 'Person.secret', '[["crm:explore", "crm:pii"]]'),
    ],
    [
      'an order',
      people('orderBy: Order'),
      'extend enum Order { EMAIL_DOMAIN }',
      lacks('Order.EMAIL_DOMAIN', 'Person.email'),
    ],
    [
      'a number in constant case',
      people('orderBy: Order'),
      'extend enum Order { LINE_1 }',
      lacks('Order.LINE_1', 'Address.line1'),
    ],
    [
      'an input field',
      people('filter: Filter'),
      'input Filter { and: [Filter!], emailStartsWith: String }',
      lacks('Filter.emailStartsWith', 'Person.email'),
    ],
    [
      'an input field, however deep',
      people('filter: [A!]!'),
      'input A { a: B } input B { a: A, byAddress: EmailAddress }',
      lacks('B.byAddress', 'Person.email'),
    ],
    [
      'an input that only one of two fields guards',
      `${people('a: A', PII)} others(a: A): Person ${READ}`,
      'input A { email: String }',
      lacks('A.email', 'Person.email'),
    ],
    [
      'a field of another type',
      people('id: ID'),
      `extend type Person { friend(email: String): Person }`,
      lacks('Person.friend(email:)', 'Person.email'),
    ],
    [
      'a subscription',
      people('id: ID'),
      `type Subscription { changed(email: String): Person ${READ} }`,
      lacks('Subscription.changed(email:)', 'Person.email'),
    ],
    [
      'other scopes',
      people('email: String @requiresScopes(scopes: [["crm:pii"], ["crm:explore"]])'),
      '',
      lacks('Query.people(email:)', 'Person.email'),
    ],
  ])('%s: does not start', (...[, fields, more, expected]) => {
    expect(start(fields, more)).toBe(expected);
  });

  test.each<[string, string, string]>([
    ['the input has the rule', people(`email: EmailAddress ${PII}`), ''],
    ['the input asks for more', people('email: EmailAddress @requiresScopes(scopes: [["crm:pii", "crm:write"]])'), ''],
    ['the field has the rule', people('email: EmailAddress', PII), ''],
    [
      'the field and the input have it together',
      people(`secret: Int ${PII}`, '@requiresScopes(scopes: [["crm:explore"]])'),
      '',
    ],
    ['the argument has it', people(`filter: Filter ${PII}`), 'input Filter { and: [Filter!], email: String }'],
    ['the input field has it', people('filter: Filter'), `input Filter { email: F ${PII} } input F { email: String }`],
    ['the enum value has it', people('orderBy: Order'), `extend enum Order { EMAIL ${PII} }`],
    ['an enum is shown by a field', people('kind: Kind'), ''],
    [
      'a name only begins with the same letters',
      people('regional: Int, emailable: Int, line10: Int, hasEmail: Boolean'),
      '',
    ],
    ['a part is not masked', people('country: String'), ''],
    [
      'only a mutation is given it',
      people('id: ID'),
      'type Mutation { set(email: EmailAddress): Int @requiresScopes(scopes: [["crm:write"]]) }',
    ],
  ])('%s: starts', (_, fields, more) => {
    expect(start(fields, more)).toBe('started');
  });

  test.each<[string, string, string, string]>([
    [
      'an argument',
      people(`name: String = "a" ${PII}`),
      '',
      'Query.people(name:): expected no default that needs a scope, as Query.people(name:) does',
    ],
    [
      'an enum value',
      people('orderBy: Order! = EMAIL'),
      `extend enum Order { EMAIL ${PII} }`,
      'Query.people(orderBy:): expected no default that needs a scope, as Order.EMAIL does',
    ],
    [
      'an input field',
      people('filter: F'),
      `input F { by: [G!] = [{ email: "a" }] } input G { email: String ${PII} }`,
      'F.by: expected no default that needs a scope, as G.email does',
    ],
  ])('a default that needs a scope does not start: %s', (...[, fields, more, expected]) => {
    expect(start(fields, more)).toBe(expected);
  });

  test('defaults that need none start', () => {
    expect(
      start(people(`orderBy: Order = NAME, email: String = null ${PII}`), `extend enum Order { EMAIL ${PII} }`),
    ).toBe('started');
  });

  test('an argument of an interface needs what it needs in each type', () => {
    const types = `interface Pet ${READ} { name(as: String): Int } type Cat implements Pet ${READ} { name(as: String ${PII}): Int }`;
    const rules = createScopeRules(buildSchema(`${DIRECTIVES} type Query { pet: Pet ${READ} } ${types}`), false);
    expect([rules.ofInput('Pet.name(as:)'), rules.ofInput('Cat.name(as:)')]).toEqual([
      [[['crm:pii']]],
      [[['crm:pii']]],
    ]);
  });
});
