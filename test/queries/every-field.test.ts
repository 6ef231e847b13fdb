import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildSchema, getNamedType, isObjectType, type GraphQLObjectType } from 'graphql';
import { documentFor, needsArguments, pathsFromQuery, selectionOf, valuesAt } from '../support/schema-paths.ts';
import { ANY_COST } from '../support/gateway.ts';
import { askBoth, startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
const paths = pathsFromQuery(schema);

function objectType(name: string): GraphQLObjectType {
  const type = schema.getType(name);
  if (!isObjectType(type)) throw new Error(`${name} is no object type`);
  return type;
}

const askable = (typeName: string) =>
  Object.values(objectType(typeName).getFields()).filter((field) => !needsArguments(field));

const everyField = [...paths].flatMap(([typeName, path]) =>
  askable(typeName).map((field) => ({ name: `${typeName}.${field.name}`, typeName, path, field })),
);

// Always null while there is neither authentication nor a rate limit.
const ALWAYS_NULL = new Set(['Viewer.subject', 'Viewer.ownerId', 'Viewer.rateLimit']);
// Below a field that is always null.
const NEVER_THERE = new Set(['RateLimit']);

describe('every field that can be reached from Query', () => {
  let gateway: SeededGateway;
  beforeAll(async () => {
    gateway = await startSeededGateway(300, ANY_COST);
    // The seed leaves these empty.
    await withConnection(gateway.databaseUrl, async (connection) => {
      await connection.query(
        `UPDATE customer_changes SET changes = '[{"field":"name","before":"A","after":"B"}]' WHERE id % 2 = 0`,
      );
    });
  });
  afterAll(() => gateway.close());

  test('is covered: the only types left out are those of mutations and subscriptions', () => {
    const outputs = Object.values(schema.getTypeMap()).filter(isObjectType);
    const left = outputs.map((type) => type.name).filter((name) => !name.startsWith('__') && !paths.has(name));
    expect(left.filter((name) => !name.endsWith('Payload'))).toEqual(['Mutation', 'Subscription', 'UserError']);
    expect(everyField.length).toBeGreaterThan(100);
  });

  test.each([...paths.keys()])(
    'of %s has the same value alone and with all others, by a plan and by graphql-js',
    async (typeName) => {
      const path = paths.get(typeName) ?? [];
      const fields = askable(typeName);
      const together = await askBoth(gateway, documentFor(path, fields.map(selectionOf).join(' ')));
      expect(together.plain.errors).toEqual([]);
      expect(together.planned.text).toBe(together.plain.text);
      const instances = valuesAt(together.plain.data, path);
      expect(instances.length > 0).toBe(!NEVER_THERE.has(typeName));
      for (const field of fields) {
        const alone = await askBoth(gateway, documentFor(path, selectionOf(field)));
        expect({ field: field.name, errors: alone.plain.errors }).toEqual({ field: field.name, errors: [] });
        expect(alone.planned.text).toBe(alone.plain.text);
        const values = valuesAt(alone.plain.data, path).map((instance) => instance[field.name]);
        expect({ field: field.name, values }).toEqual({
          field: field.name,
          values: instances.map((instance) => instance[field.name]),
        });
      }
    },
  );

  test('has a value in some row: if its column were never read, it would be null everywhere', async () => {
    const empty: string[] = [];
    for (const { name, path, field } of everyField) {
      const values = valuesAt(await gateway.data(documentFor(path, selectionOf(field))), path);
      if (values.every((value) => value[field.name] === null)) empty.push(name);
    }
    const expected = everyField.filter(({ name, typeName }) => ALWAYS_NULL.has(name) || NEVER_THERE.has(typeName));
    expect(empty).toEqual(expected.map(({ name }) => name));
  });

  test('of a type that can be reached in several ways has a value on each of them', async () => {
    for (const [typeName, path] of paths) {
      for (const field of askable(typeName)) {
        const target = getNamedType(field.type);
        if (!isObjectType(target) || !('id' in target.getFields()) || NEVER_THERE.has(typeName)) continue;
        const leaves = askable(target.name).filter((leaf) => !isObjectType(getNamedType(leaf.type)));
        const selection = `${field.name} { ${leaves.map((leaf) => leaf.name).join(' ')} }`;
        const { plain, planned } = await askBoth(gateway, documentFor(path, selection));
        expect({ selection, errors: plain.errors }).toEqual({ selection, errors: [] });
        expect(planned.text).toBe(plain.text);
      }
    }
  });
});
