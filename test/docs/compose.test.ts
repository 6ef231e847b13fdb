import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { project } from './markdown.ts';

const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};
const compose = readFileSync(join(project, 'docker-compose.yml'), 'utf8');

describe('docker-compose.yml, held against the Compose specification and rules of caution', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'concierge-compose-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** What `npm run check:compose` reports for a text; empty if it accepts it. */
  async function faultsOf(text: string): Promise<string> {
    const file = join(folder, 'docker-compose.yml');
    await writeFile(file, text);
    const [program = '', ...args] = (scripts['check:compose'] ?? '').split(' ');
    const given = args.map((arg) => (arg === 'docker-compose.yml' ? file : arg));
    const path = join(project, 'node_modules/.bin', program);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [path, ...given]).catch((error: unknown) => {
      if (typeof error === 'object' && error !== null && 'stdout' in error && 'stderr' in error) return error;
      throw error;
    });
    return `${String(stdout)}${String(stderr)}`.trim();
  }

  test('has no fault', async () => {
    expect(await faultsOf(compose)).toBe('');
  });

  test.each([
    { fault: 'a key that is not in the specification', at: 'restart:', planted: 'restarts:', rule: 'invalid-schema' },
    {
      fault: 'a port that is open to the network',
      at: '127.0.0.1:${PORT:-4000}:4000',
      planted: '4000:4000',
      rule: 'no-unbound-port-interfaces',
    },
    {
      fault: 'an image without a version',
      at: 'image: redis:7',
      planted: 'image: redis',
      rule: 'service-image-require-explicit-tag',
    },
  ])('would be found to have $fault', async ({ at, planted, rule }) => {
    expect(compose).toContain(at);
    expect(await faultsOf(compose.replace(at, planted))).toContain(rule);
  });

  test('publishes the gateway alone', () => {
    expect(compose.match(/^ {4}ports:\n(?: {6}- .*\n)+/gm)).toEqual([
      "    ports:\n      - '127.0.0.1:${PORT:-4000}:4000'\n",
    ]);
  });
});
