import { hash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigError, parseConfig } from '../../src/config.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

const NAMES = 'query Names { customers(first: 1) { nodes { name } } }';
const COUNT = 'query Count { customers { totalCount } }';
const OTHER = 'query Other { agents(first: 1) { nodes { name } } }';
const sha1 = (text: string): string => hash('sha1', text);
const sha256 = (text: string): string => hash('sha256', text);

/** As the tools write them. */
const MANIFESTS = {
  relay: { names: NAMES, count: COUNT },
  codegen: { [sha1(NAMES)]: NAMES, [sha1(COUNT)]: COUNT },
  apollo: {
    format: 'apollo-persisted-query-manifest',
    version: 1,
    operations: [
      { id: sha256(NAMES), name: 'Names', type: 'query', body: NAMES },
      { id: sha256(COUNT), name: 'Count', type: 'query', body: COUNT },
    ],
  },
};

let database: TestDatabase;
let folder: Awaited<ReturnType<typeof createTemporaryFolder>>;
let gateway: TestGateway | undefined;
beforeAll(async () => {
  [database, folder] = await Promise.all([createDatabase(), createTemporaryFolder()]);
});
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
});
afterAll(async () => {
  await database.drop();
  await folder.remove();
});

async function fileOf(name: string, contents: unknown): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, typeof contents === 'string' ? contents : JSON.stringify(contents));
  return path;
}

async function start(manifest: unknown, settings: Readonly<Record<string, string>> = {}): Promise<TestGateway> {
  const TRUSTED_DOCUMENTS = await fileOf('manifest.json', manifest);
  gateway = await startGateway({
    databaseUrl: database.url,
    redisUrl: redisUrl(),
    settings: { ...PATIENT, CACHE_PREFIX: `trusted-${process.pid}:`, TRUSTED_DOCUMENTS, ...settings },
  });
  await untilRedisUp(gateway);
  return gateway;
}

async function send({ url }: TestGateway, parameters: object) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify(parameters),
  });
  const { data, errors = [] } = (await response.json()) as {
    data?: unknown;
    errors?: { extensions: { code: string } }[];
  };
  return { status: response.status, data, codes: errors.map(({ extensions }) => extensions.code) };
}

const NO_NAMES = { status: 200, data: { customers: { nodes: [] } }, codes: [] };
const REFUSED = { status: 403, data: undefined, codes: ['FORBIDDEN'] };
const UNKNOWN = { status: 404, data: undefined, codes: ['PERSISTED_QUERY_NOT_FOUND'] };

describe('a gateway with trusted documents', () => {
  test.each(Object.entries(MANIFESTS))('as in a manifest of %s executes them alone', async (_, manifest) => {
    const trusting = await start(manifest);
    const id = 'operations' in manifest ? sha256(NAMES) : Object.keys(manifest)[0];
    const persistedQuery = { version: 1, sha256Hash: id };
    expect(await send(trusting, { documentId: id })).toEqual(NO_NAMES);
    expect(await send(trusting, { extensions: { persistedQuery } })).toEqual(NO_NAMES);
    expect(await send(trusting, { query: NAMES })).toEqual(NO_NAMES);
    expect(await send(trusting, { query: NAMES, extensions: { persistedQuery } })).toEqual(NO_NAMES);
    expect(await send(trusting, { query: ` ${NAMES.replaceAll(' ', '\n ')} # the same` })).toEqual(NO_NAMES);
    expect(await trusting.statementsOf(() => send(trusting, { query: OTHER }))).toEqual(new Map());
    expect(await send(trusting, { query: OTHER })).toEqual(REFUSED);
    expect(await send(trusting, { query: `${NAMES} ${OTHER}`, operationName: 'Names' })).toEqual(REFUSED);
    expect(await send(trusting, { query: '{ __schema { types { name } } }' })).toEqual(REFUSED);
    expect(await send(trusting, { query: '{ not GraphQL' })).toEqual(REFUSED);
    expect(await send(trusting, { documentId: 'another' })).toEqual(UNKNOWN);
  });

  test('finds one by its hash, with the name of the hash function before it, in the manifest or the request, or not', async () => {
    const trusting = await start({ [`sha256:${sha256(NAMES)}`]: NAMES, [sha256(COUNT)]: COUNT });
    for (const documentId of [NAMES, COUNT].flatMap((text) => [sha256(text), `sha256:${sha256(text)}`]))
      expect((await send(trusting, { documentId })).status).toBe(200);
  });

  test('lets no client add one by its hash', async () => {
    const trusting = await start(MANIFESTS.relay);
    const extensions = { persistedQuery: { version: 1, sha256Hash: sha256(OTHER) } };
    expect(await send(trusting, { extensions })).toEqual(UNKNOWN);
    expect(await send(trusting, { query: OTHER, extensions })).toEqual(REFUSED);
    expect(await send(trusting, { extensions })).toEqual(UNKNOWN);
  });

  test('may execute others, too, and tell of them', async () => {
    const telling = await start(MANIFESTS.relay, { TRUSTED_DOCUMENTS_MODE: 'log' });
    expect(await send(telling, { documentId: 'names' })).toEqual(NO_NAMES);
    // Also if they are answered from memory otherwise.
    for (let i = 0; i < 10; i += 1) expect((await send(telling, { query: OTHER })).status).toBe(200);
    const told = telling.logLines.filter((line) => line.includes('not trusted'));
    expect(told).toHaveLength(1);
    expect(JSON.parse(told[0] ?? '')).toMatchObject({
      level: 40,
      mode: 'log',
      document: expect.stringMatching(/^[\w-]{43}$/),
      sha256: sha256(OTHER),
      operations: ['Other'],
    });
    expect(told.join()).not.toContain('agents');
    expect(await telling.metric('concierge_untrusted_documents_total')).toBe(10);
  });

  test('tells of many others in a few lines, and of what is too long without reading all of it', async () => {
    const telling = await start(MANIFESTS.relay, { TRUSTED_DOCUMENTS_MODE: 'log' });
    const told = () => telling.logLines.filter((line) => line.includes('not trusted')).map((line) => JSON.parse(line));
    expect((await send(telling, { query: `{ ${'__typename '.repeat(2_000)} }` })).codes).toEqual(['QUERY_TOO_COMPLEX']);
    expect(told().map(({ document }) => document)).toEqual(['not GraphQL, or too long']);
    for (let i = 0; i < 20; i += 1) await send(telling, { query: `{ a${i}: __typename }` });
    const times = told().map(({ time }) => Date.parse(time));
    const minutes = 1 + Math.floor((Math.max(...times) - Math.min(...times)) / 60_000);
    expect(times.length).toBeLessThanOrEqual(6 * minutes);
    expect(await telling.metric('concierge_untrusted_documents_total')).toBe(21);
  });

  test('may only find them by their ids', async () => {
    const finding = await start(MANIFESTS.relay, { TRUSTED_DOCUMENTS_MODE: 'off' });
    expect(await send(finding, { documentId: 'names' })).toEqual(NO_NAMES);
    expect((await send(finding, { query: OTHER })).status).toBe(200);
    expect(finding.logLines.filter((line) => line.includes('not trusted'))).toEqual([]);
  });

  test('are named in the log at the start if the schema does not know what they ask for', async () => {
    const wrong = { gone: '{ customers { nodes { gone } } }', broken: 'query {', long: `{ ${'x'.repeat(300)} }` };
    const warned = await start({ names: NAMES, ...wrong });
    const lines = warned.logLines.filter((line) => line.includes('cannot be executed'));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      {
        ...{ level: 40, documents: ['gone', 'broken', 'long'], count: 3 },
        reasons: [
          { id: 'gone', reason: 'Cannot query field "gone" on type "Customer".' },
          { id: 'broken', reason: expect.stringMatching(/^Syntax Error: .* Name/) },
          { id: 'long', reason: expect.stringMatching(/^Cannot query field "x{100,}…$/) },
        ],
      },
    ]);
    expect(await send(warned, { documentId: 'names' })).toEqual(NO_NAMES);
  });

  test('may have several manifests', async () => {
    const second = await fileOf('second.json', { other: OTHER, names: NAMES });
    const trusting = await start(MANIFESTS.relay, {
      TRUSTED_DOCUMENTS: `${join(folder.path, 'manifest.json')}, ${second}`,
    });
    expect(await send(trusting, { documentId: 'names' })).toEqual(NO_NAMES);
    expect((await send(trusting, { documentId: 'other' })).status).toBe(200);
  });
});

describe('the setting TRUSTED_DOCUMENTS', () => {
  const START = 'expected names of files with documents by id, as relay-compiler, graphql-codegen or Apollo write them';
  const problemsOf = (settings: Readonly<Record<string, string>>): readonly string[] => {
    try {
      parseConfig(settings);
      return [];
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
  };

  test.each([
    ['which is not JSON', 'secret'],
    ['which has no documents', '{}'],
    ['which has no documents', { ...MANIFESTS.apollo, operations: [] }],
    ['which is an array', '[]'],
    ['which is null', 'null'],
    ['which is a string', '"secret"'],
    ['which is an object without a document at "id"', '{"a":"secret","id":1}'],
    ['which is an object without a document at "id"', '{"id":""}'],
    ['which is an object without a document at ""', '{"":"secret"}'],
    ['which is a manifest of Apollo\'s with a wrong "version"', { ...MANIFESTS.apollo, version: 2 }],
    ['which is a manifest of Apollo\'s with a wrong "format"', { names: 'secret', format: 'secret' }],
    [
      'which is a manifest of Apollo\'s with a wrong "operations.0.body"',
      { ...MANIFESTS.apollo, operations: [{ id: 'a' }] },
    ],
  ])('is refused for a file %s: %j', async (why, contents) => {
    const file = await fileOf('wrong.json', contents);
    const [problem = '', ...others] = problemsOf({ TRUSTED_DOCUMENTS: file });
    expect(others).toEqual([]);
    expect(problem).toMatch(new RegExp(`^TRUSTED_DOCUMENTS: ${START}, got ".*, ${why}$`));
    expect(problem).not.toContain('secret');
  });

  test('is refused for what is no file, for two documents with one id, and for a mode alone', async () => {
    expect(problemsOf({ TRUSTED_DOCUMENTS: '/nowhere.json' })).toEqual([
      `TRUSTED_DOCUMENTS: ${START}, got "/nowhere.json", which cannot be read (ENOENT)`,
    ]);
    expect(problemsOf({ TRUSTED_DOCUMENTS: ',' })).toEqual([`TRUSTED_DOCUMENTS: ${START}, got only commas`]);
    const [one, other] = [await fileOf('one.json', { a: NAMES }), await fileOf('other.json', { a: COUNT })];
    expect(problemsOf({ TRUSTED_DOCUMENTS: `${one},${other}` })[0]).toContain('got two documents with the id "a"');
    const long = await fileOf('long.json', { ['x'.repeat(1_001)]: NAMES });
    expect(problemsOf({ TRUSTED_DOCUMENTS: long })[0]).toContain('got an id of more than 1000 characters in "');
    expect(problemsOf({ TRUSTED_DOCUMENTS_MODE: 'log' })).toEqual([
      'TRUSTED_DOCUMENTS_MODE: expected TRUSTED_DOCUMENTS with it, got none',
    ]);
  });
});
