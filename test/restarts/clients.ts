import { Agent, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { PATIENCE_MS } from '../support/patience.ts';

/** What clients have sent, and what became of it. */
export interface Traffic {
  sent: number;
  answered: number;
  /** How many connections were refused, so that the request was not sent. */
  refused: number;
  /** How many failures do not count, because the gateway was given less time than its proxy needs. */
  pardoned: number;
  /** What happened to each other request that failed. */
  readonly failures: string[];
  /** The names of the customers whose creation was acknowledged. */
  readonly written: string[];
  /** Responses by gateway, as the proxy names it. */
  readonly answeredBy: Map<string, number>;
}

export const createTraffic = (): Traffic => ({
  sent: 0,
  answered: 0,
  refused: 0,
  pardoned: 0,
  failures: [],
  written: [],
  answeredBy: new Map(),
});

interface ClientOptions {
  readonly url: string;
  /** Begins the names of the customers that it creates. */
  readonly name: string;
  /** Whether it opens a connection for each request. */
  readonly isNewEachTime?: boolean;
  readonly isOver: () => boolean;
}

const CREATE =
  'mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { customer { id } userErrors { code } } }';
const READ = '{ customers(first: 1) { nodes { name } } }';

/**
 * Sends reads and writes, one after the other without a pause, until it is over or a connection is refused. Every other write has
 * an idempotency key.
 */
export async function runClient(
  traffic: Traffic,
  { url, name, isNewEachTime = false, isOver }: ClientOptions,
): Promise<void> {
  const agent = new Agent({ keepAlive: !isNewEachTime, maxSockets: 1 });
  for (let number = 0; !isOver(); number += 1) {
    const customer = `${name}-${number}`;
    const key = number % 4 === 1 ? { idempotencyKey: customer } : {};
    const isWrite = number % 2 === 1;
    const body = isWrite ? { query: CREATE, variables: { input: { name: customer, ...key } } } : { query: READ };
    traffic.sent += 1;
    try {
      const { status, gateway, data } = await post(`${url}/graphql`, { agent, body: JSON.stringify(body) });
      if (status !== 200 || !data.startsWith('{"data":') || data.includes('"code"')) {
        traffic.failures.push(`${customer}, ${isWrite ? 'write' : 'read'}: ${status} of ${gateway}: ${data}`);
        continue;
      }
      traffic.answered += 1;
      traffic.answeredBy.set(gateway, (traffic.answeredBy.get(gateway) ?? 0) + 1);
      if (isWrite) traffic.written.push(customer);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ECONNREFUSED') {
        traffic.refused += 1;
        break;
      }
      traffic.failures.push(`${customer}, ${isWrite ? 'write' : 'read'}: ${code} ${message}`);
    }
  }
  agent.destroy();
}

interface Answer {
  readonly status: number | undefined;
  /** Which gateway the proxy asked last. */
  readonly gateway: string;
  readonly data: string;
}

function post(url: string, { agent, body }: { readonly agent: Agent; readonly body: string }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const request = httpRequest(url, { method: 'POST', agent, headers, timeout: PATIENCE_MS });
    request.once('response', (response) => {
      const gateway =
        String(response.headers['x-gateway'] ?? '')
          .split(', ')
          .at(-1) ?? '';
      text(response).then((data) => resolve({ status: response.statusCode, gateway, data }), reject);
    });
    request.once('timeout', () => request.destroy(new Error(`no response within ${PATIENCE_MS} ms`)));
    request.once('error', reject);
    request.end(body);
  });
}
