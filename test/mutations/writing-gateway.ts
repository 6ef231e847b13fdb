import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { pause, until } from '../support/patience.ts';
import { createDatabase, openConnection, processlist, redisUrl, withConnection } from '../support/servers.ts';

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

/** What a mutation of orders gave. */
export interface WrittenOrder {
  readonly order: {
    readonly id: string;
    readonly number: string;
    readonly status: string;
    readonly version: number;
    readonly total: { readonly amount: string; readonly currency: string };
  } | null;
  readonly userErrors: readonly UserError[];
}

/** What a mutation of tickets gave. */
export interface WrittenTicket {
  readonly ticket: {
    readonly id: string;
    readonly number: string;
    readonly subject: string;
    readonly status: string;
    readonly closedAt: string | null;
    readonly version: number;
  } | null;
  readonly userErrors: readonly UserError[];
}

/** A gateway over 60 seeded customers in a database of its own, with a response cache, and plain SQL beside it. */
export interface WritingGateway extends TestGateway {
  readonly databaseUrl: string;
  sql(statement: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Every row of every table but the migrations', to see what was written and what was not. */
  everything(): Promise<Readonly<Record<string, readonly Row[]>>>;
  create(input: object): Promise<Written>;
  update(input: object): Promise<Written>;
  remove(input: object): Promise<{ deletedCustomerId: string | null; userErrors: readonly UserError[] }>;
  order(input: object): Promise<WrittenOrder>;
  /** `updateOrderStatus` */
  advance(input: object): Promise<WrittenOrder>;
  merge(input: object): Promise<Written>;
  addTags(input: object): Promise<Written>;
  removeTags(input: object): Promise<Written>;
  setAddresses(input: object): Promise<Written>;
  log(input: object): Promise<{ interaction: { id: string } | null; userErrors: readonly UserError[] }>;
  openTicket(input: object): Promise<WrittenTicket>;
  updateTicket(input: object): Promise<WrittenTicket>;
}

const CUSTOMER = 'customer { id version name }';
const ERRORS = 'userErrors { code message path }';
const TICKET = 'ticket { id number subject status closedAt version }';
const ORDER = 'order { id number status version total { amount currency } }';

/** The mutations of orders, by one of several gateways. */
export function orderMutations(gateway: TestGateway): Pick<WritingGateway, 'order' | 'advance'> {
  return {
    order: (input) => mutate(gateway, `createOrder ${ORDER}`, input),
    advance: (input) => mutate(gateway, `updateOrderStatus ${ORDER}`, input),
  };
}

/** @param what the mutation's name and, after a space, what to ask for beside its user errors */
async function mutate(gateway: TestGateway, what: string, input: object) {
  const [name = '', ...fields] = what.split(' ');
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const mutation = `mutation($input: ${type}!) { ${name}(input: $input) { ${fields.join(' ')} ${ERRORS} } }`;
  return (await gateway.data(mutation, { input }))[name];
}

/**
 * One of several gateways over a database that share a cache. It has a connection for each of the writes that tests send
 * at once, since none waits long for one: half of them are for writes.
 */
export async function startCachingGateway(databaseUrl: string): Promise<TestGateway> {
  const settings = { ...PATIENT, CACHE_PREFIX: `${databaseUrl}:`, LIMIT_DATABASE_CONNECTIONS: '24' };
  const gateway = await startGateway({ databaseUrl, redisUrl: redisUrl(), settings });
  await untilRedisUp(gateway);
  return gateway;
}

/** Waits until so many transactions are at the lock of a customer's row. */
export async function untilWaiting(count: number, gateway: Pick<WritingGateway, 'databaseUrl'>): Promise<void> {
  await until(
    `${count} statements to wait for a customer's row`,
    () =>
      withConnection(gateway.databaseUrl, (connection) =>
        connection.query<unknown[]>(
          `SELECT id, state, info FROM ${processlist(connection)}
           WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE '%FROM customers WHERE id%FOR UPDATE'`,
        ),
      ),
    (waiting) => waiting.length >= count,
  );
}

/** Lets the clock go on, so that the moment of a write can be told from the one before. */
export const aMoment = (): Promise<void> => pause(5);

/** Starts one; `close` drops the database. */
export async function startWritingGateway(): Promise<WritingGateway> {
  const database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 60, ordersPerCustomer: 3, seed: 7 });
  const gateway = await startCachingGateway(database.url);
  const connection = await openConnection(database.url);
  const sql = (statement: string, values: readonly unknown[] = []): Promise<Row[]> =>
    connection.query(statement, values);
  return {
    ...gateway,
    databaseUrl: database.url,
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
    create: (input) => mutate(gateway, `createCustomer ${CUSTOMER}`, input),
    update: (input) => mutate(gateway, `updateCustomer ${CUSTOMER}`, input),
    merge: (input) => mutate(gateway, `mergeCustomers ${CUSTOMER}`, input),
    addTags: (input) => mutate(gateway, `addTags ${CUSTOMER}`, input),
    removeTags: (input) => mutate(gateway, `removeTags ${CUSTOMER}`, input),
    setAddresses: (input) => mutate(gateway, `setAddresses ${CUSTOMER}`, input),
    remove: (input) => mutate(gateway, 'deleteCustomer deletedCustomerId', input),
    log: (input) => mutate(gateway, 'logInteraction interaction { id }', input),
    ...orderMutations(gateway),
    openTicket: (input) => mutate(gateway, `openTicket ${TICKET}`, input),
    updateTicket: (input) => mutate(gateway, `updateTicket ${TICKET}`, input),
    async close() {
      await gateway.close();
      await connection.end();
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

/** The order that a mutation must have given. */
export function orderOf({ order, userErrors }: WrittenOrder): NonNullable<WrittenOrder['order']> {
  if (order === null) throw new Error(`no order: ${JSON.stringify(userErrors)}`);
  return order;
}

/** The ticket that a mutation must have given. */
export function ticketOf({ ticket, userErrors }: WrittenTicket): NonNullable<WrittenTicket['ticket']> {
  if (ticket === null) throw new Error(`no ticket: ${JSON.stringify(userErrors)}`);
  return ticket;
}
