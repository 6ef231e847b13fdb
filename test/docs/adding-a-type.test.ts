import { execFile } from 'node:child_process';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runCommand } from '../cli/command.ts';
import { startProcess, type GatewayProcess } from '../cli/gateway-process.ts';
import { orGiveUp } from '../support/patience.ts';
import { createEmptyDatabase } from '../support/servers.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { applyStep, stepsOf } from './guide-steps.ts';
import { project } from './markdown.ts';

const run = promisify(execFile);
const COPIED = [
  ...['bench', 'docs', 'import', 'prisma', 'src', 'test'],
  ...['codegen.ts', 'jest.config.mjs', 'package.json', 'prisma.config.ts', 'schema.graphql', 'tsconfig.json'],
  ...['.dependency-cruiser.cjs', 'CHANGELOG.md', '.prettierrc.json'],
];

const page = await readFile(join(project, 'docs/adding-a-type.md'), 'utf8');
const steps = stepsOf(page);

describe('docs/adding-a-type.md', () => {
  let copy: Awaited<ReturnType<typeof createTemporaryFolder>>;
  let database: Awaited<ReturnType<typeof createEmptyDatabase>> | undefined;
  let gateway: GatewayProcess | undefined;
  const npm = (...script: string[]) =>
    orGiveUp(`npm run ${script.join(' ')}`, run('npm', ['run', '--silent', ...script], { cwd: copy.path }));

  beforeAll(async () => {
    copy = await createTemporaryFolder();
    for (const name of COPIED) await cp(join(project, name), join(copy.path, name), { recursive: true });
    await symlink(join(project, 'node_modules'), join(copy.path, 'node_modules'));
    for (const step of steps) await applyStep(copy.path, step);
    await npm('generate');
  });
  afterAll(async () => {
    gateway?.kill('SIGKILL');
    await database?.drop();
    await copy.remove();
  });

  test('has a step for each of its blocks of code, but the last', () => {
    expect(page.split(/^```\w/m)).toHaveLength(1 + steps.length + 1);
  });

  test('touches no other file than those in its table', () => {
    const [, table = ''] = /^\|.*\n\| -.*\n((?:\|.*\n)+)/m.exec(page) ?? [];
    const outside = steps
      .map(({ path }) => path)
      .filter((path) => !/^(prisma\/migrations|src\/crm\/contract|test)\//.test(path));
    for (const path of outside) expect(table).toContain(path.replace(/^src\/data\/seed\/(?!contracts)/, ''));
    expect(new Set(steps.map(({ path }) => path).filter((path) => path.startsWith('test/')))).toHaveProperty('size', 5);
    expect(table).toContain('five files in `test/`');
  });

  test('gives code that compiles, keeps to the direction of imports, and is formatted', async () => {
    await npm('check:types');
    await npm('check:imports');
    const made = steps.filter(({ language }) => language !== 'sql' && language !== 'prisma').map(({ path }) => path);
    await run('npx', ['prettier', '--check', ...new Set(made)], { cwd: copy.path });
  });

  test('does not compile without the line in the registry, or with a loader for node that finds no row', async () => {
    const changes = [
      ['src/crm/registry.ts', /.*\bcontract\b.*\n/g, ''],
      ['src/crm/contract/type.ts', "node: 'contractById'", "node: 'contractsByCustomer'"],
    ] as const;
    const undo: (() => Promise<void>)[] = [];
    for (const [path, from, to] of changes) {
      const file = join(copy.path, path);
      const whole = await readFile(file, 'utf8');
      undo.push(() => writeFile(file, whole));
      await writeFile(file, whole.replaceAll(from, to));
    }
    const { stdout } = await npm('check:types').catch((error: { stdout: string }) => error);
    for (const restore of undo) await restore();
    expect(stdout).toContain("Property 'Contract' is missing");
    expect(stdout).toContain("Property 'createContract' is missing");
    expect(stdout).toMatch(/type\.ts.+"contractsByCustomer"' is not assignable to type '"contractById"'/);
  });

  test('gives a type that a gateway serves: created, listed, found by node, deleted with its customer', async () => {
    const main = join(copy.path, 'src/main.ts');
    database = await createEmptyDatabase();
    const settings = { DATABASE_URL: database.url, CACHE_ENABLED: 'false' };
    expect(await runCommand(['migrate'], settings, main)).toMatchObject({ code: 0 });
    expect(await runCommand(['seed', '--customers', '20'], settings, main)).toMatchObject({ code: 0 });
    gateway = startProcess(settings, { program: main });
    const address = await gateway.address;
    const data = async (query: string) => {
      const response = await fetch(`${address}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      });
      // oxlint-disable-next-line typescript/no-explicit-any
      const result = (await response.json()) as { data: any; errors?: unknown };
      expect(result.errors).toBeUndefined();
      return result.data;
    };
    // Its contract from the seed is another state's.
    const customerId = Buffer.from('Customer:4').toString('base64url');
    const { createContract } = await data(`mutation { createContract(input: { customerId: "${customerId}",
      value: "12.5", currency: "EUR", endsAt: "2030-01-01T00:00:00Z" }) { contract { id } userErrors { message } } }`);
    expect(createContract.userErrors).toEqual([]);
    const { id } = createContract.contract;
    const contract = { id, status: 'DRAFT', value: { amount: '12.50', currency: 'EUR' } };
    const fields = 'id status value { amount currency }';
    const found = await data(`{ node(id: "${id}") { ... on Contract { ${fields} customer { contracts(status: DRAFT) {
      totalCount nodes { ${fields} } } changes { nodes { fields { field after } } } } } } }`);
    expect(found.node).toMatchObject({ ...contract, customer: { contracts: { totalCount: 1, nodes: [contract] } } });
    expect(found.node.customer.changes.nodes[0].fields).toContainEqual({ field: 'value', after: '12.50' });
    await data(`mutation { deleteCustomer(input: { id: "${customerId}" }) { deletedCustomerId } }`);
    expect(await data(`{ node(id: "${id}") { id } }`)).toEqual({ node: null });
    gateway.kill('SIGTERM');
    expect((await gateway.ended).code).toBe(0);
    expect(await runCommand(['verify'], settings, main)).toMatchObject({ code: 0 });
  });
});
