import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CaseName } from '../cases.ts';

/** What the bench passes to a child process at its start. */
export interface Settings {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** The gateway's responses, for servers that send them unchanged. */
  readonly responses: Readonly<Partial<Record<CaseName, string>>>;
}

/** The settings from the bench, passed in the environment. */
export function settings(): Settings {
  return JSON.parse(process.env['BENCH_SETTINGS'] ?? '{}') as Settings;
}

/** Sends the bench this server's port, and its CPU time on each message. Exits when the bench does. */
export function announce(port: number): void {
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMs: (user + system) / 1_000 });
  });
  process.on('disconnect', () => process.exit());
  process.send?.({ port });
}

/** The case that a request's path names. */
const caseOf = (request: IncomingMessage): CaseName => (request.url ?? '').slice(1) as CaseName;

/** Sends JSON with its length, as the gateway does. */
export function send(response: ServerResponse, body: Buffer): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length });
  response.end(body);
}

/** A plain node:http server that reads each request to its end. */
export function serveBodies(respond: (name: CaseName, body: Buffer, response: ServerResponse) => void): void {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => respond(caseOf(request), Buffer.concat(chunks), response));
  });
  server.listen(0, '127.0.0.1', () => announce((server.address() as AddressInfo).port));
}

/** A server that computes the data of each response. A failure ends the process, since its figures would mean nothing. */
export function serveJson(respond: (name: CaseName, body: string) => Promise<unknown>): void {
  serveBodies((name, body, response) => {
    void respond(name, body.toString()).then((data) => send(response, Buffer.from(JSON.stringify({ data }))));
  });
}
