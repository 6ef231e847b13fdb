import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { project } from '../docs/markdown.ts';
import { runCommand } from './command.ts';

const COMMANDS = ['start', 'migrate', 'seed', 'import', 'explain', 'verify', 'cache', 'api-keys'];

const read = (path: string): string => readFileSync(join(project, path), 'utf8');
const { version, scripts } = JSON.parse(read('package.json')) as { version: string; scripts: Record<string, string> };

/** Runs a command that must succeed, even with wrong settings. */
async function said(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(args, { DATABASE_URL: 'none', PORT: 'none' });
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

/** The lines after a heading of a help text. */
const below = (text: string, heading: string): string[] =>
  (text.split(`\n${heading}:\n`)[1] ?? '').split('\n\n')[0]?.trimEnd().split('\n') ?? [];

test('the version is that of package.json', async () => {
  expect(await said('--version')).toBe(`${version}\n`);
  expect(scripts['concierge']).toMatch(/run\.sh$/);
});

test('the help names every command', async () => {
  const [help, option] = await Promise.all([said('help'), said('--help')]);
  expect(help).toBe(option);
  const named = below(help, 'Commands').flatMap((line) => /^ {2}([\w-]+)/.exec(line)?.[1] ?? []);
  expect(named).toEqual([...COMMANDS, 'help']);
});

describe.each(COMMANDS)('the help of %s', (command) => {
  let help: string;
  beforeAll(async () => {
    help = await said(command, '--help');
  });

  test('has examples with options and scripts that exist, and the exit codes of the docs', () => {
    const examples = below(help, 'Examples');
    expect(examples.length).toBeGreaterThanOrEqual(1);
    for (const example of examples) {
      expect(example).toMatch(command === 'start' ? /\bnpm start$/ : new RegExp(`\\bnpm run ${command}( -- |$)`));
      for (const [option] of example.matchAll(/--\w[\w-]*/g))
        expect(below(help, 'Options').join('\n')).toContain(option);
    }
    const table = /exit code \| meaning[^]*?\n\n/.exec(read('docs/troubleshooting.md'))?.[0] ?? '';
    const documented = [...table.matchAll(/^\| ([\d, ]+?) *\|/gm)].flatMap(([, codes = '']) => codes.split(', '));
    const codes = below(help, 'Exit codes').map((line) => /^ {2}(\d+) +\w/.exec(line)?.[1]);
    expect(codes).toEqual(expect.arrayContaining(['0', '1', '64', '69', '70', '78']));
    expect(documented).toEqual(expect.arrayContaining(codes));
    expect(codes.map(Number)).toEqual(codes.map(Number).toSorted((a, b) => a - b));
  });

  test('is the same however it is asked for, and nothing else happens', async () => {
    expect(await said('help', command)).toBe(help);
    expect(help).toMatch(new RegExp(`^Usage: concierge ${command}`));
  });
});

test('the help of verify gives 0 only for no drift, as docs/verify.md does', async () => {
  expect(below(await said('verify', '--help'), 'Exit codes').slice(0, 2)).toEqual([
    '  0    no drift: the database is consistent',
    '  1    drift was found, whether it was repaired or not; or the message says what is wrong',
  ]);
});

test.each([
  [
    ['sed'],
    /^unknown command "sed": expected one of start, migrate, seed, import, explain, verify, cache, api-keys, help$/m,
  ],
  [['start', '--port', '1'], /unknown option '--port'/],
  [['seed'], /required option '--customers <number>'/],
  [['seed', '--customers', '10', '--customers', '20'], /option '--customers <number>' was given twice/],
  [['cache', 'forget', '{ x }'], /value 'forget' is invalid for argument 'action'/],
  [['verify', '--json', '--json'], /option '--json' was given twice/],
  [['import', '--mapping', 'x'], /missing required argument 'folder'/],
])('a wrong command line, %j, is reported in one line, with exit code 64', async (args, what) => {
  const { code, stdout, stderr } = await runCommand(args);
  expect([code, stdout]).toEqual([64, '']);
  expect(stderr).toMatch(what);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
});
