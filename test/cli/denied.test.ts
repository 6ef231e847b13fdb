import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeApiKey } from '../../src/access/api-key.ts';
import { startGateway } from '../support/gateway.ts';
import { createDatabase, createEmptyDatabase, type TestDatabase } from '../support/servers.ts';
import { runCommand } from './command.ts';
import { query } from './table-contents.ts';

let database: TestDatabase;
/** Without tables. */
let empty: TestDatabase;
const nameOf = ({ url }: TestDatabase): string => new URL(url).pathname.slice(1);
const USERS = { r: 'SELECT', w: 'SELECT, INSERT, UPDATE, DELETE' };

beforeAll(async () => {
  [database, empty] = await Promise.all([createDatabase(), createEmptyDatabase()]);
  // A gateway makes its key when it starts first.
  await query(database.url, "INSERT INTO gateway_keys (name, value) VALUES ('cursors', REPEAT('k', 64))");
  for (const [kind, privileges] of Object.entries(USERS)) {
    const user = `'${nameOf(database)}_${kind}'@'%'`;
    await query(database.url, `CREATE USER ${user} IDENTIFIED BY 'Secret-1'`);
    for (const on of [database, empty]) await query(database.url, `GRANT ${privileges} ON ${nameOf(on)}.* TO ${user}`);
  }
});
afterAll(async () => {
  for (const kind of Object.keys(USERS)) await query(database.url, `DROP USER '${nameOf(database)}_${kind}'@'%'`);
  await Promise.all([database.drop(), empty.drop()]);
});

const urlAs = (kind: string, { url } = database): string =>
  Object.assign(new URL(url), { username: `${nameOf(database)}_${kind}`, password: 'Secret-1' }).href;

test.each([
  ['w', ['seed', '--customers', '20'], 'CREATE'],
  ['r', ['api-keys', 'create', '--name', 'export', '--scopes', 'crm:read', '--expires', '90d'], 'INSERT'],
])('an account of too few privileges (%s) is told which one %j lacks, with exit code 77', async (kind, args, right) => {
  const end = await runCommand(args, { DATABASE_URL: urlAs(kind) });
  expect(end.stderr).toMatch(
    new RegExp(`^DATABASE_URL: its account may not do this: ${right} command denied to user .*\\n$`),
  );
  expect([end.code, end.stderr.includes('Secret')]).toEqual([77, false]);
});

test('the log names the privilege that a statement of a request lacks, and no value', async () => {
  const gateway = await startGateway({ databaseUrl: urlAs('r') });
  const { errors } = await gateway.request(
    'mutation { createCustomer(input: { name: "Hidden", email: "hidden@example.com" }) { customer { id } } }',
  );
  await gateway.close();
  expect(errors).toMatchObject([{ message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }]);
  const lines = gateway.logLines.filter((line) => line.includes('unexpected error'));
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    {
      path: 'createCustomer',
      denied: expect.stringMatching(
        /^the database's account may not do this: \w+(?:, \w+)* command denied to user '\w+_r'@'[^']+' for table \S+$/,
      ),
    },
  ]);
  expect(lines.join()).not.toMatch(/hidden|Secret/i);
});

test('the log names it also for a caller whose API key cannot be looked up', async () => {
  const user = `'${nameOf(database)}_k'@'%'`;
  await query(database.url, `CREATE USER ${user} IDENTIFIED BY 'Secret-1'`);
  await query(database.url, `GRANT SELECT ON ${nameOf(database)}.gateway_keys TO ${user}`);
  const gateway = await startGateway({ databaseUrl: urlAs('k'), settings: { AUTH_API_KEYS: 'true' } });
  const { errors } = await gateway.request('{ __typename }', { headers: { authorization: `Bearer ${makeApiKey()}` } });
  await gateway.close();
  await query(database.url, `DROP USER ${user}`);
  expect(errors).toMatchObject([{ message: 'Unexpected error.' }]);
  const lines = gateway.logLines.filter((line) => line.includes('unexpected error'));
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { denied: expect.stringMatching(/: SELECT command denied to user .* for table \S*api_keys\S*$/) },
  ]);
});

describe('an account that may not change tables is told to run "npm run migrate" with another', () => {
  const DENIED = /^DATABASE_URL: its account may not do this: CREATE command denied .*\(1142\)\. /;
  const ADVICE = 'Run "npm run migrate" with an account that may change tables';

  test.each(['start', 'migrate'])('by "%s" on a database without tables', async (command) => {
    const settings = { DATABASE_URL: urlAs('w', empty), CACHE_ENABLED: 'false', PORT: '0' };
    const { code, stderr } = await runCommand([command], settings);
    expect(stderr).toMatch(DENIED);
    expect([code, stderr.endsWith(`${ADVICE}\n`)]).toEqual([77, true]);
  });

  test('by a start where a migration is missing, which changes nothing', async () => {
    await query(database.url, 'DELETE FROM _prisma_migrations ORDER BY migration_name LIMIT 1');
    const settings = { DATABASE_URL: urlAs('w'), CACHE_ENABLED: 'false', PORT: '0' };
    const { code, stderr } = await runCommand(['start'], settings);
    expect(stderr).toMatch(DENIED);
    expect([code, stderr.includes(`${ADVICE}. The migration `)]).toEqual([77, true]);
    expect(stderr).toMatch(/ failed, and nothing was changed\. Statement 1 of \d+: /);
  });
});
