import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
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
    const outputs = async () => {
      const all = await Promise.all(commands.map((name) => runToEnd('sh', ['-c', scripts[name] ?? ''], { cwd })));
      return new Set(all.map(({ code, output }) => `${code}: ${output}`));
    };
    expect(await outputs()).toEqual(new Set(['78: The packages are not installed yet. Run this first: npm ci\n']));
    // As with NODE_ENV=production.
    await mkdir(join(cwd, 'node_modules/commander'), { recursive: true });
    await rm(join(cwd, 'src/generated'), { recursive: true });
    const toGenerate =
      'The packages are installed, but nothing is generated from them. Run this first, without NODE_ENV=production: npm ci';
    expect(await outputs()).toEqual(new Set([`78: ${toGenerate}\n`]));
  } finally {
    await remove();
  }
});

describe('the heap of V8', () => {
  test.each<[string, Readonly<Record<string, string>>, string]>([
    [
      'gets 60 % of a container’s memory',
      { 'memory.max': '536870912\n' },
      '--max-old-space-size=307 src/main.ts start',
    ],
    [
      'gets it with cgroups of version 1 too',
      { 'memory/memory.limit_in_bytes': '536870912\n' },
      '--max-old-space-size=307 src/main.ts start',
    ],
    ['is left to V8 in a container without a limit', { 'memory.max': 'max\n' }, 'src/main.ts start'],
    [
      'is left to V8 in one of version 1 without a limit',
      { 'memory/memory.limit_in_bytes': '9223372036854771712\n' },
      'src/main.ts start',
    ],
    [
      'leaves room for the rest in a systemd unit with a limit',
      { cgroup: '0::/system.slice/crm.service\n', 'system.slice/crm.service/memory.max': '1073741824\n' },
      '--max-old-space-size=614 src/main.ts start',
    ],
    [
      'leaves room for the rest in one of version 1',
      {
        cgroup: '4:memory:/system.slice/crm.service\n0::/\n',
        'memory/system.slice/crm.service/memory.limit_in_bytes': '1073741824\n',
        'memory/memory.limit_in_bytes': '9223372036854771712\n',
      },
      '--max-old-space-size=614 src/main.ts start',
    ],
    [
      'is of the least of the groups around it',
      {
        cgroup: '0::/crm.slice/crm.service/init\n',
        'crm.slice/crm.service/init/memory.max': 'max\n',
        'crm.slice/crm.service/memory.max': '1073741824\n',
        'crm.slice/memory.max': '536870912\n',
        'memory.max': 'max\n',
      },
      '--max-old-space-size=307 src/main.ts start',
    ],
    ['is left to V8 on a machine', {}, 'src/main.ts start'],
  ])('%s', async (_, files, expected) => {
    expect(await argumentsFor(files, {})).toBe(expected);
  });

  test.each(['--max-old-space-size=100', '--max_old_space_size=100'])('is as NODE_OPTIONS says: %s', async (option) => {
    const env = { NODE_OPTIONS: option };
    expect(await argumentsFor({ 'memory.max': '536870912\n' }, env)).toBe('src/main.ts start');
  });

  /** What `src/run.sh start` runs node with, in a folder with these files of the system. */
  async function argumentsFor(
    files: Readonly<Record<string, string>>,
    env: Readonly<Record<string, string>>,
  ): Promise<string> {
    const { path: cwd, remove } = await createTemporaryFolder();
    try {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(join(cwd, name, '..'), { recursive: true });
        await writeFile(join(cwd, name), text);
      }
      for (const made of ['node_modules/commander', 'src/generated/prisma'])
        await mkdir(join(cwd, made), { recursive: true });
      await writeFile(join(cwd, 'node'), '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
      const { code, output } = await runToEnd('sh', [join(project, 'src/run.sh'), 'start'], {
        cwd,
        env: { PATH: `${cwd}:${process.env['PATH']}`, CGROUP_ROOT: cwd, CGROUP_FILE: join(cwd, 'cgroup'), ...env },
      });
      expect(code).toBe(0);
      return output.trim();
    } finally {
      await remove();
    }
  }
});
