import { startProcess } from '../cli/gateway-process.ts';
import { ask } from '../http/ask.ts';
import { createDatabase } from '../support/servers.ts';

/** A gateway in a process of its own, which ends when its heap is full. */
export interface SmallHeapGateway {
  readonly port: number;
  /** Sends a request, and returns the status and the codes of its errors; rejects when the process has ended. */
  readonly send: (request: object) => Promise<{ readonly status: number; readonly codes: readonly string[] }>;
  /** Sends a query as another client, and returns the response. */
  readonly ask: (query: string) => Promise<unknown>;
  /** Sends a query, and returns the response as an event stream. */
  readonly events: (query: string) => Promise<Buffer>;
  readonly metric: (name: string) => Promise<number>;
  readonly close: () => Promise<void>;
}

interface Answer {
  readonly errors?: readonly { readonly extensions: { readonly code: string } }[];
}

/**
 * Starts a gateway with a heap of this many megabytes, without a response cache.
 * @param options.fill puts rows into the tables, which are empty otherwise
 */
export async function startSmallHeapGateway(
  heapMegabytes: number,
  { settings = {}, fill }: { settings?: Readonly<Record<string, string>>; fill?: (url: string) => Promise<void> } = {},
): Promise<SmallHeapGateway> {
  const database = await createDatabase();
  await fill?.(database.url);
  const gateway = startProcess({
    DATABASE_URL: database.url,
    CACHE_ENABLED: 'false',
    // All requests come from one address.
    LIMIT_COST_PER_MINUTE: '1000000000',
    ...settings,
    NODE_OPTIONS: `--max-old-space-size=${heapMegabytes}`,
  });
  const address = await gateway.address;
  const post = (request: object) =>
    fetch(`${address}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
      body: JSON.stringify(request),
    });
  return {
    port: Number(new URL(address).port),
    async send(request) {
      const response = await post(request);
      const { errors = [] } = (await response.json()) as Answer;
      return { status: response.status, codes: errors.map(({ extensions }) => extensions.code) };
    },
    async ask(query) {
      const options = { method: 'POST', localAddress: '127.0.0.2', body: JSON.stringify({ query }) };
      const { body } = await ask(`${address}/graphql`, { 'content-type': 'application/json' }, options);
      return JSON.parse(body.toString());
    },
    async events(query) {
      const headers = { 'content-type': 'application/json', accept: 'text/event-stream' };
      const { body } = await ask(`${address}/graphql`, headers, { method: 'POST', body: JSON.stringify({ query }) });
      return body;
    },
    async metric(name) {
      const text = await (await fetch(`${address}/metrics`)).text();
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    },
    async close() {
      gateway.kill('SIGTERM');
      await gateway.ended;
      await database.drop();
    },
  };
}
