import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { MANY_AT_ONCE, PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { pause, until } from '../support/patience.ts';
import { createDatabase, openConnection, processlist, redisUrl, withConnection } from '../support/servers.ts';

export type Row = Readonly<Record<string, unknown>>;

export interface UserError {
  readonly code: string;
  readonly message: string;
  readonly path: readonly string[];
}

/** The payload of a mutation of customers. */
export interface Written {
  readonly customer: { readonly id: string; readonly version: number; readonly name: string } | null;
  readonly userErrors: readonly UserError[];
}

/** The payload of a mutation of orders. */
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

/** The payload of a mutation of tickets. */
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

/** A gateway with a response cache on its own database with 60 seeded customers, and plain SQL access to it. */
export interface WritingGateway extends TestGateway {
  readonly databaseUrl: string;
  sql(statement: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Every row of every table except the migrations', to compare before and after a write. */
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

/** The mutations of orders, through one of several gateways. */
export function orderMutations(gateway: TestGateway): Pick<WritingGateway, 'order' | 'advance'> {
  return {
    order: (input) => mutate(gateway, `createOrder ${ORDER}`, input),
    advance: (input) => mutate(gateway, `updateOrderStatus ${ORDER}`, input),
  };
}

/** @param what the mutation's name and, after a space, what to select besides its user errors */
async function mutate(gateway: TestGateway, what: string, input: object) {
  const [name = '', ...fields] = what.split(' ');
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const mutation = `mutation($input: ${type}!) { ${name}(input: $input) { ${fields.join(' ')} ${ERRORS} } }`;
  return (await gateway.data(mutation, { input }))[name];
}

/**
 * One of several gateways that share a database and a cache. Half of its connections are for writes, which is one for each that
 * tests send at once, since writes do not wait long for one.
 */
export async function startCachingGateway(databaseUrl: string): Promise<TestGateway> {
  const settings = { ...PATIENT, ...MANY_AT_ONCE, CACHE_PREFIX: `${databaseUrl}:`, LIMIT_DATABASE_CONNECTIONS: '24' };
  const gateway = await startGateway({ databaseUrl, redisUrl: redisUrl(), settings });
  await untilRedisUp(gateway);
  return gateway;
}

/** Waits until this many transactions are waiting for the lock of a customer's row. */
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

/** Lets the clock advance, so that the time of a write differs from the previous one's. */
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

/** The row that a global id refers to. */
export const rowOf = (id: string | undefined): number =>
  Number(
    Buffer.from(id ?? '', 'base64url')
      .toString()
      .split(':')[1],
  );

/** The customer that a mutation must have returned. */
export function customerOf({ customer, userErrors }: Written): NonNullable<Written['customer']> {
  if (customer === null) throw new Error(`no customer: ${JSON.stringify(userErrors)}`);
  return customer;
}

/** The order that a mutation must have returned. */
export function orderOf({ order, userErrors }: WrittenOrder): NonNullable<WrittenOrder['order']> {
  if (order === null) throw new Error(`no order: ${JSON.stringify(userErrors)}`);
  return order;
}

/** The ticket that a mutation must have returned. */
export function ticketOf({ ticket, userErrors }: WrittenTicket): NonNullable<WrittenTicket['ticket']> {
  if (ticket === null) throw new Error(`no ticket: ${JSON.stringify(userErrors)}`);
  return ticket;
}
