import { Agent, request } from 'node:http';
import { orGiveUp, pause } from '../support/patience.ts';

const KINDS = ['list', 'search', 'page', 'write'] as const;
type Kind = (typeof KINDS)[number];

/** What well-behaved clients have seen since they were last told to forget. */
export interface Figures {
  readonly answered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
  readonly p99MsByKind: Readonly<Record<Kind, number>>;
  /** What went wrong, in words. */
  readonly failures: readonly string[];
}

/** Clients that send one request at a time, and think in between. */
export interface GoodClients {
  readonly customerIds: readonly string[];
  start(): void;
  answered(): number;
  figures(): Figures;
  forget(): void;
  /** Resolves when no request is under way. */
  stop(): Promise<void>;
}

const THINK_MS = 20;
const LIST = '{ customers(first: 20) { totalCount nodes { name email status owner { name } } } }';
const ONE =
  'query($id: ID!) { customer(by: { id: $id }) { name version summary { orderCount } orders(first: 5) { nodes { number status } } } }';
const SEARCH = '{ searchCustomers(text: "Li", first: 10) { nodes { name phone } } }';
const WRITE =
  'mutation($input: LogInteractionInput!) { logInteraction(input: $input) { interaction { id } userErrors { code } } }';

interface Answer {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly unknown[];
}

/** What distinguishes a client from others. */
interface Identity {
  readonly localAddress?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Prepares a client of the gateway at an address for each identity. */
export async function createGoodClients(address: string, clients: readonly Identity[]): Promise<GoodClients> {
  const agent = new Agent({ keepAlive: true });
  const [first] = clients;
  const { data } = await send(address, { ...first, agent }, { query: '{ customers(first: 100) { nodes { id } } }' });
  const customerIds = (data as { customers: { nodes: { id: string }[] } }).customers.nodes.map(({ id }) => id);
  const own = customerIds.slice(1);
  let times: { readonly kind: Kind; readonly ms: number }[] = [];
  let failures: string[] = [];
  const stopping = new AbortController();
  let running: Promise<unknown> = Promise.resolve();

  const kindOf = (number: number): Kind => {
    if (number % 20 === 7) return 'write';
    if (number % 4 === 0) return 'list';
    return number % 4 === 1 ? 'search' : 'page';
  };
  const requestOf = (number: number): object => {
    const id = own[number % own.length];
    const requests = {
      list: { query: LIST },
      search: { query: SEARCH },
      page: { query: ONE, variables: { id } },
      write: { query: WRITE, variables: { input: { customerId: id, kind: 'NOTE', body: `${number}` } } },
    };
    return requests[kindOf(number)];
  };
  const behave = async (identity: Identity, client: number): Promise<void> => {
    for (let number = client; !stopping.signal.aborted; number += clients.length + 1) {
      const began = performance.now();
      try {
        const answer = await orGiveUp('a response', send(address, { ...identity, agent }, requestOf(number)));
        if (answer.errors !== undefined) failures.push(JSON.stringify(answer.errors));
        times.push({ kind: kindOf(number), ms: performance.now() - began });
      } catch (error) {
        failures.push(String(error));
      }
      await pause(THINK_MS);
    }
  };
  const percentile = (part: number, kinds: readonly Kind[] = KINDS): number => {
    const sorted = times
      .filter(({ kind }) => kinds.includes(kind))
      .map(({ ms }) => ms)
      .toSorted((a, b) => a - b);
    return Math.round((sorted[Math.floor((sorted.length - 1) * part)] ?? 0) * 10) / 10;
  };
  return {
    customerIds,
    start() {
      running = Promise.all(clients.map(behave));
    },
    answered: () => times.length,
    figures: () => ({
      answered: times.length,
      p50Ms: percentile(0.5),
      p99Ms: percentile(0.99),
      mostMs: percentile(1),
      p99MsByKind: Object.fromEntries(KINDS.map((kind) => [kind, percentile(0.99, [kind])])) as Record<Kind, number>,
      failures: [...failures],
    }),
    forget() {
      times = [];
      failures = [];
    },
    async stop() {
      stopping.abort();
      await running;
      agent.destroy();
    },
  };
}

function send(address: string, options: Identity & { readonly agent: Agent }, body: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', ...options.headers };
    const sent = request(`${address}/graphql`, { ...options, method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(JSON.parse(text) as Answer);
        else reject(new Error(`${response.statusCode}: ${text}`));
      });
    });
    sent.on('error', reject).end(JSON.stringify(body));
  });
}
