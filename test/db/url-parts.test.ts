import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { migrationsFolder } from '../../src/cli/migrations-folder.ts';
import { openConnection } from '../../src/data/connection.ts';
import { applyMigrations } from '../../src/db/migrate.ts';
import { PATIENT, startGateway, untilRedisUp } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createEmptyDatabase, redisUrl, withConnection, type TestDatabase } from '../support/servers.ts';

// Every printable ASCII character, and some others.
const SIGNS = `${Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('')}é€😀`;
const unique = randomBytes(4).toString('hex');
// Names have a lower limit, and MySQL's must not end with a space.
const USER = `u@:/?#%&=+ ${unique}é`;
const DATABASE = `d@:/?#%&=+ '"\\${unique}é`;

let server: TestDatabase;
let redis: Redis;
let databaseUrl: string;
beforeAll(async () => {
  server = await createEmptyDatabase();
  await withConnection(server.url, async (connection) => {
    await connection.query('CREATE USER ? IDENTIFIED BY ?', [USER, SIGNS]);
    await connection.query('GRANT ALL ON *.* TO ?', [USER]);
  });
  const { host } = new URL(server.url);
  databaseUrl = `mysql://${encodeURIComponent(USER)}:${encodeURIComponent(SIGNS)}@${host}/${encodeURIComponent(DATABASE)}`;
  redis = new Redis(redisUrl());
  await redis.acl('SETUSER', unique, 'on', `>${SIGNS}`, '~*', '&*', '+@all');
});
afterAll(async () => {
  await withConnection(server.url, async (connection) => {
    await connection.query('DROP USER ?', [USER]);
    await connection.query(`DROP DATABASE IF EXISTS ${connection.escapeId(DATABASE)}`);
  });
  await server.drop();
  await redis.acl('DELUSER', unique);
  redis.disconnect();
});

test('users, passwords and databases may have any character, percent-encoded in the URL', async () => {
  const lines: string[] = [];
  const { applied } = await applyMigrations({
    databaseUrl,
    folder: migrationsFolder,
    report: (line) => lines.push(line),
  });
  expect(applied.length).toBeGreaterThan(0);
  expect(lines[0]).toBe(`Created the database "${DATABASE}", which was not there.`);
  const connection = await openConnection(databaseUrl);
  const [row] = await connection.query<{ name: string; user: string }[]>('SELECT DATABASE() AS name, USER() AS user');
  await connection.end();
  expect([row?.name, row?.user.replace(/@[^@]*$/, '')]).toEqual([DATABASE, USER]);

  const { host } = new URL(redisUrl());
  const gateway = await startGateway({
    databaseUrl,
    redisUrl: `redis://${unique}:${encodeURIComponent(SIGNS)}@${host}`,
    settings: { ...PATIENT, CACHE_PREFIX: `${unique}:` },
  });
  await untilRedisUp(gateway);
  await gateway.data('mutation { createCustomer(input: {name: "Ada"}) { customer { id } userErrors { code } } }');
  const hit = await until(
    'a hit',
    () => gateway.request('{ customers { nodes { name } } }'),
    ({ headers }) => headers.get('x-cache') === 'HIT',
  );
  expect(hit.data.customers.nodes).toEqual([{ name: 'Ada' }]);
  await gateway.close();
});
