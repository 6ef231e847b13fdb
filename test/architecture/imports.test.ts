import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const project = join(import.meta.dirname, '../..');
const depcruise = join(project, 'node_modules/.bin/depcruise');

interface Violation {
  readonly from: string;
  readonly rule: string;
}

/** Runs the check like `npm run check:imports`, and parses its findings. */
async function violationsIn(folder: string): Promise<{ modules: number; found: Violation[] }> {
  const args = [depcruise, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'src'];
  // With JSON output, the check always exits successfully.
  const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  const { summary } = JSON.parse(stdout) as {
    summary: { totalCruised: number; violations: { from: string; rule: { name: string } }[] };
  };
  const found = summary.violations.map(({ from, rule }) => ({ from, rule: rule.name }));
  return { modules: summary.totalCruised, found };
}

/** A file for each rule that breaks it; a cycle is reported for one of its files. */
const PLANTED: readonly { file: string; imports: string; rule?: string }[] = [
  { file: 'src/cli/planted.ts', imports: "import '../main.ts';", rule: 'cli-looks-down' },
  { file: 'src/http/planted.ts', imports: "import { createApp } from '../app.ts';", rule: 'http-looks-down' },
  { file: 'src/graphql/planted.ts', imports: "import '../http/event-stream.ts';", rule: 'graphql-looks-down' },
  { file: 'src/events/planted.ts', imports: "import '../graphql/run.ts';", rule: 'events-looks-down' },
  {
    file: 'src/cache/planted.ts',
    imports: "import type { Operation } from '../graphql/operation.ts';",
    rule: 'cache-looks-down',
  },
  { file: 'src/crm/order/planted.ts', imports: "import '../../graphql/schema.ts';", rule: 'crm-looks-down' },
  { file: 'src/relay/planted.ts', imports: "import '../crm/money.ts';", rule: 'relay-looks-down' },
  { file: 'src/batch/planted.ts', imports: "import '../relay/cursor.ts';", rule: 'batch-looks-down' },
  { file: 'src/db/planted.ts', imports: "import type { Column } from '../batch/table.ts';", rule: 'db-looks-down' },
  { file: 'src/data/planted.ts', imports: "import '../app.ts';", rule: 'data-and-embedded-and-explain-looks-down' },
  { file: 'src/telemetry/planted.ts', imports: "import '../db/errors.ts';", rule: 'foundations-stand-alone' },
  { file: 'src/crm/order/across.ts', imports: "import '../ticket/table.ts';", rule: 'types-go-by-name' },
  { file: 'src/crm/planted.ts', imports: "import './order/table.ts';", rule: 'only-the-registry-lists-types' },
  { file: 'src/app-planted.ts', imports: "import './embedded/ports.ts';", rule: 'what-commands-do-is-for-commands' },
  { file: 'src/data/apart.ts', imports: "import '../embedded/ports.ts';", rule: 'what-commands-do-is-apart' },
  { file: 'src/explain/apart.ts', imports: "import '../data/tables.ts';", rule: 'what-commands-do-is-apart' },
  { file: 'src/app-explaining.ts', imports: "import './explain/report.ts';", rule: 'what-commands-do-is-for-commands' },
  { file: 'src/db/circle.ts', imports: "import './circle-back.ts';" },
  { file: 'src/db/circle-back.ts', imports: "import './circle.ts';", rule: 'no-cycles' },
  { file: 'src/db/tool.ts', imports: "import '../../jest.config.mjs';", rule: 'nothing-from-outside-src' },
  { file: 'src/db/tested.ts', imports: "import '../../test/planted.ts';", rule: 'nothing-from-outside-src' },
  { file: 'src/db/dev.ts', imports: "import fc from 'fast-check';", rule: 'no-development-dependencies' },
  { file: 'src/db/unlisted.ts', imports: "import 'ajv';", rule: 'no-unlisted-dependencies' },
  { file: 'src/db/lost.ts', imports: "import './nowhere.ts';", rule: 'resolvable' },
];

let copy: string;

beforeAll(async () => {
  // Inside the project, so that packages resolve as in the project itself; later runs remove folders of this name.
  const data = join(project, '.data');
  await mkdir(data, { recursive: true });
  copy = await mkdtemp(join(data, `test-${process.pid}-imports-`));
  for (const name of ['src', 'package.json', 'jest.config.mjs', '.dependency-cruiser.cjs'])
    await cp(join(project, name), join(copy, name), { recursive: true });
  await mkdir(join(copy, 'test'));
  await writeFile(join(copy, 'test/planted.ts'), 'export const planted = true;\n');
  for (const { file, imports } of PLANTED) {
    await mkdir(dirname(join(copy, file)), { recursive: true });
    await writeFile(join(copy, file), `${imports}\nexport const planted = true;\n`);
  }
});

afterAll(() => rm(copy, { recursive: true }));

describe('Imports point down', () => {
  test('everywhere in src', async () => {
    const { modules, found } = await violationsIn(project);
    expect(found).toEqual([]);
    expect(modules).toBeGreaterThan(100);
  });

  test('and every planted import that does not is reported under its rule, and nothing else is', async () => {
    const { found } = await violationsIn(copy);
    const described = new Set(found.map(({ from, rule }) => `${from}: ${rule}`));
    const planted = new Set(PLANTED.flatMap(({ file, rule }) => (rule === undefined ? [] : [`${file}: ${rule}`])));
    expect({ missed: planted.difference(described), surplus: described.difference(planted) }).toEqual({
      missed: new Set(),
      surplus: new Set(),
    });
  });
});
