import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { buildSchema, isInputObjectType, isObjectType, type GraphQLArgument } from 'graphql';
import { project } from './markdown.ts';

const source = readFileSync(join(project, 'schema.graphql'), 'utf8');
const types = Object.values(buildSchema(source).getTypeMap());
const pageArguments = types
  .filter(isObjectType)
  .flatMap((type) => Object.values(type.getFields()))
  .flatMap(({ args }) => args.filter(({ name }: GraphQLArgument) => name === 'first' || name === 'last'));

describe('the descriptions in schema.graphql', () => {
  // The schema is served as written, whatever LIMIT_PAGE_SIZE_MAX and LIMIT_PAGE_SIZE_DEFAULT are.
  test('give the bounds of a page as those of a gateway that is not configured otherwise', () => {
    const unconditional = pageArguments.filter(({ description }) => !/unless the gateway is/i.test(description ?? ''));
    expect(unconditional).toEqual([]);
    expect(pageArguments.length).toBeGreaterThan(20);
    expect(source).not.toMatch(/1 to 100\b/);
  });

  test('tell the key of one order and the order of a list apart', () => {
    const described = new Map(types.map(({ name, description }) => [name, description]));
    expect(described.get('OrderBy')).toContain('`OrderOrder`');
    expect(described.get('OrderOrder')).toContain('`OrderBy`');
    for (const type of types.filter(isInputObjectType).filter(({ name }) => name.endsWith('By')))
      expect([type.name, type.description]).toEqual([type.name, expect.stringMatching(/^The key by which one /)]);
    for (const name of ['CustomerOrder', 'OrderOrder', 'TicketOrder'])
      expect([name, described.get(name)]).toEqual([name, expect.stringMatching(/^How to sort a list of /)]);
  });
});
