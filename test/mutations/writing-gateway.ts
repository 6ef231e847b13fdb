import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { createDatabase, redisUrl, withConnection } from '../support/servers.ts';

export type Row = Readonly<Record<string, unknown>>;

export interface UserError {
  readonly code: string;
  readonly message: string;
  readonly path: readonly string[];
}

/** What a mutation of customers gave. */
export interface Written {
  readonly customer: { readonly id: string; readonly version: number; readonly name: string } | null;
  readonly userErrors: readonly UserError[];
}

/** A gateway over 60 seeded customers in a database of its own, with a response cache, and plain SQL beside it. */
export interface WritingGateway extends TestGateway {
  sql(statement: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Every row of every table but the migrations', to see what was written and what was not. */
  everything(): Promise<Readonly<Record<string, readonly Row[]>>>;
  create(input: object): Promise<Written>;
  update(input: object): Promise<Written>;
  remove(input: object): Promise<{ deletedCustomerId: string | null; userErrors: readonly UserError[] }>;
  log(input: object): Promise<{ interaction: { id: string } | null; userErrors: readonly UserError[] }>;
}

const ERRORS = 'userErrors { code message path }';

/** Starts one; `close` drops the database. */
export async function startWritingGateway(): Promise<WritingGateway> {
  const database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 60, ordersPerCustomer: 3, seed: 7 });
  const settings = { CACHE_PREFIX: `${database.url}:` };
  const gateway = await startGateway({ databaseUrl: database.url, redisUrl: redisUrl(), settings });
  const sql = (statement: string, values: readonly unknown[] = []): Promise<Row[]> =>
    withConnection(database.url, (connection) => connection.query(statement, values));
  const mutate = async (name: string, fields: string, input: object) => {
    const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
    const mutation = `mutation($input: ${type}!) { ${name}(input: $input) { ${fields} ${ERRORS} } }`;
    return (await gateway.data(mutation, { input }))[name];
  };
  return {
    ...gateway,
    sql,
    async everything() {
      const tables = await sql(
        `SELECT table_name AS name FROM information_schema.tables
         WHERE table_schema = DATABASE() AND table_name NOT LIKE '\\_%' ORDER BY table_name`,
      );
      const names = tables.map(({ name }) => String(name));
      const rows = await Promise.all(names.map((name) => sql(`SELECT * FROM ${name} ORDER BY 1, 2`)));
      return Object.fromEntries(names.map((name, i) => [name, rows[i] ?? []]));
    },
    create: (input) => mutate('createCustomer', 'customer { id version name }', input),
    update: (input) => mutate('updateCustomer', 'customer { id version name }', input),
    remove: (input) => mutate('deleteCustomer', 'deletedCustomerId', input),
    log: (input) => mutate('logInteraction', 'interaction { id }', input),
    async close() {
      await gateway.close();
      await database.drop();
    },
  };
}

/** The global id of a row. */
export const idOf = (type: string, id: unknown): string => Buffer.from(`${type}:${String(id)}`).toString('base64url');

/** The row that a global id stands for. */
export const rowOf = (id: string | undefined): number =>
  Number(
    Buffer.from(id ?? '', 'base64url')
      .toString()
      .split(':')[1],
  );

/** The customer that a mutation must have given. */
export function customerOf({ customer, userErrors }: Written): NonNullable<Written['customer']> {
  if (customer === null) throw new Error(`no customer: ${JSON.stringify(userErrors)}`);
  return customer;
}
