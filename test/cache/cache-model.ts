import type { TestGateway } from '../support/gateway.ts';
import { nodeId } from '../support/seeded.ts';

/** Sends a request to a gateway. */
export type Ask = (
  query: string,
  variables?: Readonly<Record<string, unknown>>,
  headers?: Readonly<Record<string, string>>,
) => Promise<{
  // oxlint-disable-next-line typescript/no-explicit-any -- what was asked for
  readonly data: any;
  readonly result: string | null;
}>;

/** Sends requests to a gateway in this process. */
export const askOf =
  (gateway: TestGateway): Ask =>
  async (query, variables = {}, sent = {}) => {
    const { data, headers } = await gateway.request(query, { variables, headers: sent });
    return { data, result: headers.get('x-cache') };
  };

const UPDATE = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';
// Each asks for an agent after the customers, so that a lock on the agents holds it back with customers that may be old by then.
const LIST = '{ customers(filter: {status: ACTIVE}, first: 100) { nodes { id name owner { name } } } }';
const COUNT = '{ customers(filter: {status: ACTIVE}, first: 1) { totalCount nodes { owner { name } } } }';
const queryOf = (id: number) => `{ customer(by: {id: "${nodeId('Customer', id)}"}) { name owner { name } } }`;
/** Which takes a while to compress, if there are many. */
const longQueryOf = (id: number) =>
  `{ customer(by: {id: "${nodeId('Customer', id)}"}) { name owner { name } interactions(first: 50) { nodes { body } } } }`;

/** The numbers that a customer may have had at some time. */
interface Legal {
  readonly least: number;
  readonly most: number;
}

/** The state with odd numbers, so that each write enters the customer into a list, or takes it out. */
const isActive = (number: number): boolean => number % 2 === 1;
const mayBeActive = ({ least, most }: Legal): boolean => most > least || isActive(least);
const mustBeActive = ({ least, most }: Legal): boolean => most === least && isActive(least);

/**
 * Customers with numbers for names, which only grow, so that an answer says which writes it is from. Each must have one writer at any
 * time. What is read must have been so at some time between request and answer: not before the last write that was answered by
 * then.
 */
export function createCacheModel(customers: number) {
  const ids = Array.from({ length: customers }, (_, i) => i + 1);
  const written = new Map(ids.map((id) => [id, 0]));
  const answered = new Map(ids.map((id) => [id, 0]));
  const illegal: string[] = [];
  let reads = 0;
  let longReads = 0;
  let writes = 0;

  /** Returns the function that says what each customer may have been since. */
  const begin = (): ((id: number) => Legal) => {
    reads += 1;
    const before = new Map(answered);
    return (id) => ({ least: before.get(id) ?? 0, most: written.get(id) ?? 0 });
  };
  const note = (what: string): void => void illegal.push(what);
  const readBy = async (query: string, { ask, id }: { readonly ask: Ask; readonly id: number }): Promise<void> => {
    const legal = begin();
    const { data, result } = await ask(query);
    const shown = Number(data.customer.name);
    const { least, most } = legal(id);
    if (!(shown >= least && shown <= most)) note(`${result}: customer ${id} is ${shown}, not ${least} to ${most}`);
  };
  return {
    illegal,
    reads: (): number => reads,
    /** How many of them are long, and not answered yet. */
    longReads: (): number => longReads,
    /** How many were answered. */
    writes: (): number => writes,
    async write(ask: Ask, id: number): Promise<void> {
      const number = (written.get(id) ?? 0) + 1;
      written.set(id, number);
      const status = isActive(number) ? 'ACTIVE' : 'LEAD';
      const { data } = await ask(UPDATE, { input: { id: nodeId('Customer', id), name: String(number), status } });
      if (data.updateCustomer.userErrors.length > 0) throw new Error(JSON.stringify(data));
      answered.set(id, number);
      writes += 1;
    },
    readOne: (ask: Ask, id: number): Promise<void> => readBy(queryOf(id), { ask, id }),
    /** With all that a customer has said, in this encoding. */
    async readLong(ask: Ask, id: number, encoding: string): Promise<void> {
      longReads += 1;
      await readBy(longQueryOf(id), { ask: (query) => ask(query, {}, { 'accept-encoding': encoding }), id });
      longReads -= 1;
    },
    async readList(ask: Ask): Promise<void> {
      const legal = begin();
      const { data, result } = await ask(LIST);
      const shown = new Map<string, number>(
        data.customers.nodes.map(({ id, name }: { id: string; name: string }) => [id, Number(name)]),
      );
      for (const id of ids) {
        const number = shown.get(nodeId('Customer', id));
        const { least, most } = legal(id);
        const isLegal =
          number === undefined ? !mustBeActive({ least, most }) : isActive(number) && number >= least && number <= most;
        if (!isLegal) note(`${result}: in a list, customer ${id} is ${number}, not ${least} to ${most}`);
      }
    },
    async readCount(ask: Ask): Promise<void> {
      const legal = begin();
      const { data, result } = await ask(COUNT);
      const { totalCount } = data.customers;
      const [least, most] = [mustBeActive, mayBeActive].map((is) => ids.filter((id) => is(legal(id))).length);
      if (!(totalCount >= (least ?? 0) && totalCount <= (most ?? 0)))
        note(`${result}: ${totalCount} customers are active, not ${least} to ${most}`);
    },
  };
}
