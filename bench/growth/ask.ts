import { Agent, request } from 'node:http';
import { CliError } from '../../src/cli-error.ts';

/** A client that keeps its connections. */
export interface Client {
  /**
   * @returns the response's data, and how long it took until its last byte
   * @throws CliError for anything but a response without errors
   */
  ask(query: string, variables?: Readonly<Record<string, unknown>>): Promise<{ data: unknown; tookMs: number }>;
  close(): void;
}

export function createClient(url: string): Client {
  const agent = new Agent({ keepAlive: true });
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const send = (body: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = request(`${url}/graphql`, { method: 'POST', agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve(text));
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  return {
    async ask(query, variables = {}) {
      const body = JSON.stringify({ query, variables });
      const began = performance.now();
      const text = await send(body);
      const tookMs = performance.now() - began;
      const { data, errors } = JSON.parse(text) as { data?: unknown; errors?: readonly { message: string }[] };
      if (errors !== undefined) throw new CliError(`${query}: expected data, got: ${errors[0]?.message}`);
      return { data, tookMs };
    },
    close: () => agent.destroy(),
  };
}
