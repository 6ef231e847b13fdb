import { chmod, cp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { runToEnd } from '../../src/embedded/children.ts';
import { project } from '../docs/markdown.ts';
import { orGiveUp } from '../support/patience.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

const NAME = 'some-package';
const VERSION = '1.0.0';
const MANIFEST = { name: 'audited', version: VERSION };
const ADVISORY = { id: 1, url: 'https://example.org/1', title: 'Bad', severity: 'low', vulnerable_versions: '<2.0.0' };

let folder: Awaited<ReturnType<typeof createTemporaryFolder>>;
beforeEach(async () => {
  folder = await createTemporaryFolder();
});
afterEach(() => folder.remove());

const writeJson = (name: string, value: unknown) => writeFile(join(folder.path, name), JSON.stringify(value));

/** A project whose lock file has one package, which is among those that run or among the tools. */
async function writeProject(isTool: boolean): Promise<void> {
  const wanted = { [isTool ? 'devDependencies' : 'dependencies']: { [NAME]: VERSION } };
  const packages = {
    '': { ...MANIFEST, ...wanted },
    [`node_modules/${NAME}`]: { version: VERSION, ...(isTool && { dev: true }) },
  };
  await writeJson('package.json', { ...MANIFEST, ...wanted });
  await writeJson('package-lock.json', { ...MANIFEST, lockfileVersion: 3, requires: true, packages });
}

interface Registry {
  /** Of its answer about vulnerabilities; 0 if it hangs up. */
  readonly status: number;
  readonly known?: object;
  readonly isTool?: boolean;
}

/** Runs .ci/audit in such a project, with a registry that answers so. */
async function audit({ status, known = {}, isTool = false }: Registry): Promise<{ code: number; output: string }> {
  await writeProject(isTool);
  const registry = createServer((request, response) => {
    request.resume();
    if (request.url?.includes('/security/') !== true)
      response.end(JSON.stringify({ name: NAME, versions: { [VERSION]: { name: NAME, version: VERSION } } }));
    else if (status === 0) response.destroy();
    else response.writeHead(status).end(JSON.stringify(known));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => registry.once('listening', resolve));
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder.path,
    npm_config_cache: join(folder.path, 'cache'),
    npm_config_registry: `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`,
    npm_config_fetch_retries: '0',
    npm_config_update_notifier: 'false',
  };
  try {
    return await orGiveUp('the audit', runToEnd(join(project, '.ci/audit'), [], { cwd: folder.path, env }));
  } finally {
    registry.closeAllConnections();
    registry.close();
  }
}

describe('the audit of packages', () => {
  const known = { [NAME]: [ADVISORY] };

  test('passes if nothing is known of those that run', async () => {
    expect(await audit({ status: 200 })).toMatchObject({ code: 0, output: expect.stringContaining('found 0') });
    expect(await audit({ status: 200, known, isTool: true })).toMatchObject({ code: 0 });
  });

  test('fails for a known vulnerability of one, however slight', async () => {
    const { code, output } = await audit({ status: 200, known });
    expect([code, output]).toEqual([1, expect.stringContaining(ADVISORY.url)]);
  });

  test.each([0, 401, 403, 429, 500, 502, 503])('fails if the registry cannot be asked (%i)', async (status) => {
    const { code, output } = await audit({ status });
    expect([code, output]).toEqual([1, expect.not.stringContaining('Not audited')]);
  });

  test.each([404, 405, 501])('says so if the registry has no such service (%i)', async (status) => {
    expect(await audit({ status })).toMatchObject({ code: 0, output: expect.stringContaining('Not audited') });
  });
});

describe('the whole check', () => {
  /** With an npm that does nothing, and whose audit ends so. */
  async function runWith(auditCode: number): Promise<{ code: number; output: string }> {
    await cp(join(project, '.ci'), join(folder.path, 'checkout/.ci'), { recursive: true });
    const npm = join(folder.path, 'npm');
    await writeFile(npm, `#!/bin/sh\n[ "$1" != audit ] || exit ${auditCode}\n`);
    await chmod(npm, 0o755);
    const env = { PATH: `${folder.path}:${process.env['PATH'] ?? ''}`, HOME: folder.path };
    return orGiveUp('the check', runToEnd(join(folder.path, 'checkout/.ci/run'), [], { env }));
  }

  test('has the audit as one of its steps, and fails with it alone', async () => {
    const [green, red] = [await runWith(0), await runWith(1)];
    expect([green.code, green.output]).toEqual([0, expect.stringContaining('=== audit: passed')]);
    expect([red.code, red.output]).toEqual([1, expect.stringContaining('Failed: audit.')]);
  });
});
