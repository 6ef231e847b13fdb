import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildClientSchema, buildSchema, getIntrospectionQuery, isInputObjectType, type GraphQLSchema } from 'graphql';
import { DEMO } from '../../src/cli/start.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { runToEnd } from '../../src/embedded/children.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { project, readPages } from './markdown.ts';

const blocks = (await readPages()).find(({ path }) => path === 'docs/clients.md')?.blocks ?? [];
const programs = blocks.flatMap((block, i) =>
  block.language === 'js' ? [{ ...block, said: blocks[i + 1]?.text ?? '' }] : [],
);

let database: TestDatabase;
let gateway: TestGateway;
let folder: string;

beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ ...DEMO, databaseUrl: database.url });
  gateway = await startGateway({ databaseUrl: database.url, settings: PATIENT });
  // Inside the project, so that the programs can use its packages.
  folder = await mkdtemp(join(project, '.data/docs-clients-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
  await gateway.close();
  await database.drop();
});

/** Writes a file from the page, with this gateway's URL in place of the page's. */
async function write(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text.replaceAll('http://localhost:4000', gateway.url));
  return file;
}

const run = (args: readonly string[]) => runToEnd(process.execPath, args);

describe('docs/clients.md', () => {
  test('has a program for each client', () => {
    for (const name of ['@apollo/client/core', '@urql/core', 'graphql-request', 'relay-runtime', 'await fetch('])
      expect([name, programs.some(({ text }) => text.includes(name))]).toEqual([name, true]);
  });

  test.each(programs)('shows in line $line a program that prints what is below it', async ({ text, line, said }) => {
    const file = await write(`${line}.mjs`, text);
    // Including stderr, where graphcache warns about types that it has no key for.
    expect(await run([file])).toEqual({ code: 0, output: said });
  });

  test('shows how to write in a program that can be run again', async () => {
    const shown = programs.find(({ text }) => text.includes('idempotencyKey'));
    const file = await write('again.mjs', shown?.text ?? '');
    for (const _ of ['once', 'again']) expect(await run([file])).toEqual({ code: 0, output: shown?.said });
  });

  test('shows a configuration by which a code generator knows that one of several keys must be given', async () => {
    const config = blocks.find(({ language }) => language === 'ts')?.text ?? '';
    const file = await write('codegen.ts', config.replace('crm.ts', join(folder, 'crm.ts')));
    const cli = join(project, 'node_modules/@graphql-codegen/cli/esm/bin.js');
    const { code, output } = await run([cli, '--config', file]);
    expect([code, output]).toEqual([0, expect.any(String)]);
    expect(await readFile(join(folder, 'crm.ts'), 'utf8')).toContain(
      "{ email?: never; externalId?: never; id: Scalars['ID']['input']; }",
    );
  });

  test('says rightly that the usual introspection loses what /schema.graphql has', async () => {
    const isOneOf = (schema: GraphQLSchema) => {
      const type = schema.getType('CustomerBy');
      return isInputObjectType(type) && type.isOneOf;
    };
    const introspected = buildClientSchema(await gateway.data(getIntrospectionQuery()));
    const written = buildSchema(await (await fetch(`${gateway.url}/schema.graphql`)).text());
    expect([isOneOf(introspected), isOneOf(written)]).toEqual([false, true]);
  });

  test('says rightly that an error empties the answer in a list at the top, and in a lookup does not', async () => {
    const customers = 'customers(first: 1) { nodes { id } }';
    const list = await gateway.request(`{ ${customers} orders(after: "x") { totalCount } }`);
    expect([list.data, list.errors[0]?.path]).toEqual([null, ['orders']]);
    const lookup = await gateway.request(`{ ${customers} node(id: "x") { id } }`);
    expect([lookup.data.customers.nodes.length, lookup.data.node]).toEqual([1, null]);
  });
});
