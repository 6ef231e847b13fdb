import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ExecutionResult } from 'graphql';
import { customerOf, startWritingGateway, type WritingGateway } from '../mutations/writing-gateway.ts';
import { CHANGED } from '../subscriptions/event-reader.ts';
import { readPages } from './markdown.ts';

interface Shown {
  readonly subscribe: (
    ...of: [url: string, query: string, variables: object, signal: AbortSignal]
  ) => AsyncGenerator<ExecutionResult>;
}

let gateway: WritingGateway;
let folder: string;
beforeAll(async () => {
  gateway = await startWritingGateway();
  folder = await mkdtemp(join(tmpdir(), 'concierge-docs-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await gateway.close();
});

test('docs/subscriptions.md: what subscribes with nothing but fetch does', async () => {
  const page = (await readPages()).find(({ path }) => path === 'docs/subscriptions.md');
  const code = page?.blocks.find(({ text }) => text.startsWith('async function* subscribe'))?.text ?? '';
  const file = join(folder, 'subscribe.mjs');
  await writeFile(file, `${code}\nexport { subscribe };\n`);
  const { subscribe } = (await import(pathToFileURL(file).href)) as Shown;
  const { id } = customerOf(await gateway.create({ name: 'Ada' }));
  const control = new AbortController();
  const results = subscribe(`${gateway.url}/graphql`, CHANGED, { id }, control.signal);
  expect((await results.next()).value).toMatchObject({ data: { customerChanged: { name: 'Ada', version: 1 } } });
  await gateway.update({ id, company: 'Engines Ltd' });
  expect((await results.next()).value).toMatchObject({ data: { customerChanged: { version: 2 } } });
  await gateway.remove({ id });
  expect((await results.next()).value).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
  expect((await results.next()).done).toBe(true);
  const refused = subscribe(`${gateway.url}/graphql`, '', { id }, control.signal).next();
  await expect(refused).resolves.toMatchObject({
    value: { errors: [{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }] },
  });
});
