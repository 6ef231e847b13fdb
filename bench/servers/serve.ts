import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CaseName } from '../cases.ts';

/** What the bench tells a child process at its start. */
export interface Settings {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** The gateway's answers, for servers that send them as they are. */
  readonly answers: Readonly<Partial<Record<CaseName, string>>>;
}

/** The settings, which the bench hands over in the environment. */
export function settings(): Settings {
  return JSON.parse(process.env['BENCH_SETTINGS'] ?? '{}') as Settings;
}

/** Tells the bench where this process answers, and from then on what CPU time it has used. Ends with the bench. */
export function announce(port: number): void {
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMs: (user + system) / 1_000 });
  });
  process.on('disconnect', () => process.exit());
  process.send?.({ port });
}

/** A bare node:http server: one handler, nothing else. */
export function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): void {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1', () => announce((server.address() as AddressInfo).port));
}

/** The case that a request's path names. */
export const caseOf = (request: IncomingMessage): CaseName => (request.url ?? '').slice(1) as CaseName;

/** Sends JSON with its length, as the gateway does. */
export function send(response: ServerResponse, body: Buffer): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length });
  response.end(body);
}

/** A server that makes an answer for each request's body. A failure ends the process: the bench has no use for it. */
export function serveJson(answer: (name: CaseName, body: string) => Promise<unknown>): void {
  serve((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      void answer(caseOf(request), Buffer.concat(chunks).toString()).then((data) =>
        send(response, Buffer.from(JSON.stringify({ data }))),
      );
    });
  });
}
