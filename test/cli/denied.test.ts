import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { runCommand } from './command.ts';
import { query } from './table-contents.ts';

let database: TestDatabase;
let name: string;
beforeAll(async () => {
  database = await createDatabase();
  name = new URL(database.url).pathname.slice(1);
  for (const [user, privileges] of [
    [`${name}_r`, 'SELECT'],
    [`${name}_w`, 'SELECT, INSERT, UPDATE, DELETE'],
  ]) {
    await query(database.url, `CREATE USER '${user}'@'%' IDENTIFIED BY 'Secret-1'`);
    await query(database.url, `GRANT ${privileges} ON ${name}.* TO '${user}'@'%'`);
  }
});
afterAll(async () => {
  for (const user of [`${name}_r`, `${name}_w`]) await query(database.url, `DROP USER '${user}'@'%'`);
  await database.drop();
});

test.each([
  ['w', ['seed', '--customers', '20'], 'CREATE'],
  ['r', ['api-keys', 'create', '--name', 'export', '--scopes', 'crm:read', '--expires', '90d'], 'INSERT'],
])('an account of too few privileges (%s) is told which one %j lacks, with exit code 77', async (kind, args, right) => {
  const url = Object.assign(new URL(database.url), { username: `${name}_${kind}`, password: 'Secret-1' }).href;
  const end = await runCommand(args, { DATABASE_URL: url });
  expect(end.stderr).toMatch(
    new RegExp(`^DATABASE_URL: its account may not do this: ${right} command denied to user .*\\n$`),
  );
  expect([end.code, end.stderr.includes('Secret')]).toEqual([77, false]);
});
