import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { runToEnd } from '../../src/embedded/children.ts';
import { project } from '../docs/markdown.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

test('a command that is run before `npm ci` says so in one line, whatever Node.js version the machine has', async () => {
  const { path: cwd, remove } = await createTemporaryFolder();
  try {
    for (const name of ['package.json', 'src']) await cp(join(project, name), join(cwd, name), { recursive: true });
    const { scripts } = JSON.parse(await readFile(join(cwd, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const commands = ['start', 'seed', 'import', 'explain', 'migrate', 'verify', 'concierge'];
    for (const name of commands)
      expect([name, await runToEnd('sh', ['-c', scripts[name] ?? ''], { cwd })]).toEqual([
        ...[name, { code: 78, output: 'The packages are not installed yet. Run this first: npm ci\n' }],
      ]);
  } finally {
    await remove();
  }
});
