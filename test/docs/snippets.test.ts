import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  buildSchema,
  extendSchema,
  isTypeSystemDefinitionNode,
  isTypeSystemExtensionNode,
  parse,
  validate,
} from 'graphql';
import { DEMO } from '../../src/cli/start.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { project, readPages, type Block, type Page } from './markdown.ts';

const schema = buildSchema(readFileSync(join(project, 'schema.graphql'), 'utf8'));

interface Snippet extends Block {
  readonly name: string;
  /** The JSON block right after it, with the answer's data. */
  readonly answer: string | undefined;
}

const snippetsOf = ({ path, blocks }: Page): Snippet[] =>
  blocks.flatMap((block, i) => {
    if (block.language !== 'graphql') return [];
    const next = blocks[i + 1];
    const answer = next?.language === 'json' ? next.text : undefined;
    return [{ ...block, name: `${path}, line ${block.line}`, answer }];
  });

const isSchema = ({ text }: Block): boolean =>
  parse(text).definitions.every((node) => isTypeSystemDefinitionNode(node) || isTypeSystemExtensionNode(node));

const snippets = (await readPages()).flatMap(snippetsOf);
const queries = snippets.filter((snippet) => !isSchema(snippet));

describe('GraphQL in README and docs', () => {
  let database: TestDatabase;
  let gateway: TestGateway;
  beforeAll(async () => {
    database = await createDatabase();
    await seedDatabase({ ...DEMO, databaseUrl: database.url });
    gateway = await startGateway({ databaseUrl: database.url, settings: PATIENT });
  });
  afterAll(async () => {
    await gateway.close();
    await database.drop();
  });

  test('is there, queries with the answers they get among it', () => {
    expect(queries.filter(({ answer }) => answer !== undefined).length).toBeGreaterThanOrEqual(3);
  });

  test.each(queries)('is valid: $name', ({ text }) => {
    expect(validate(schema, parse(text))).toEqual([]);
  });

  test.each(queries)('is answered from the demo data without errors, as the page says: $name', async (snippet) => {
    const { data, errors } = await gateway.request(snippet.text);
    expect(errors).toEqual([]);
    if (snippet.answer !== undefined) expect(data).toEqual(JSON.parse(snippet.answer));
  });

  test.each(snippets.filter(isSchema))('that defines types fits the schema: $name', ({ text }) => {
    expect(() => extendSchema(schema, parse(text))).not.toThrow();
  });
});
