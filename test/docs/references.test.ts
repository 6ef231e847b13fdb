import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { answersAt } from '../../src/cli/announce.ts';
import { parseConfig } from '../../src/config.ts';
import { ERROR_CODES } from '../../src/errors.ts';
import { project, readPages } from './markdown.ts';

const read = (path: string): string => readFileSync(join(project, path), 'utf8');
const pages = await readPages();
const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> };

/** npm's own commands, with or without a script. */
const NPM_COMMANDS = new Set(['ci', 'run', 'start', 'test']);

describe.each(pages)('$path', ({ path, text }) => {
  test('names no npm command that is not there', () => {
    const run = [...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(([, name = '']) => name);
    expect(run.filter((name) => !(name in scripts))).toEqual([]);
    const commands = [...text.matchAll(/`npm ([a-z]+)|^npm ([a-z]+)/gm)].map(([, a, b]) => a ?? b ?? '');
    expect(commands.filter((name) => !NPM_COMMANDS.has(name))).toEqual([]);
  });

  test('links to files that exist', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)(#[^)]*)?\)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !existsSync(join(project, dirname(path), link)))).toEqual([]);
  });

  test('names files that exist', () => {
    const named = [...text.matchAll(/`((?:src|test|bench|docs|prisma|import)\/[\w./-]+)`/g)].map(
      ([, name = '']) => name,
    );
    // The walk-through creates these.
    const made =
      path === 'docs/adding-a-type.md'
        ? /^(src\/crm\/contract|src\/data\/seed\/contracts|prisma\/migrations\/\d+_contracts)\b/
        : undefined;
    const missing = named.filter((name) => !existsSync(join(project, name)));
    expect(missing.filter((name) => made?.test(name) !== true)).toEqual([]);
  });
});

describe('docs/troubleshooting.md', () => {
  test('has every error code that an answer can carry', () => {
    const headings = [...read('docs/troubleshooting.md').matchAll(/^### (.+)$/gm)].flatMap(([, heading = '']) =>
      heading.split(', '),
    );
    expect(headings.sort()).toEqual(Object.keys(ERROR_CODES).sort());
  });
});

describe('README.md', () => {
  test('shows what `npm start` says at its end', () => {
    const shown = /```text\n(Concierge answers at.*?)```/s.exec(read('README.md'))?.[1] ?? '';
    expect(shown.trim()).toBe(answersAt('http://localhost:4000', parseConfig({})));
  });
});
