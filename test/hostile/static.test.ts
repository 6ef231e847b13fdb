import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startProcess, type GatewayProcess } from '../cli/gateway-process.ts';
import { ask } from '../http/ask.ts';
import { PATIENT } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';

const PAGES = 400;
const MOST_MEGABYTES = 500;

let database: TestDatabase;
let gateway: GatewayProcess;
beforeAll(async () => {
  database = await createDatabase();
  gateway = startProcess({
    ...PATIENT,
    DATABASE_URL: database.url,
    CACHE_ENABLED: 'false',
    LOG_LEVEL: 'warn',
    NODE_OPTIONS: '--max-old-space-size=256',
    // All of them are answered at once: only that they share one page keeps the memory small.
    LIMIT_REQUESTS_PER_CONNECTION: String(PAGES),
    LIMIT_BUFFER_BYTES: '10000000000',
  });
});
afterAll(async () => {
  gateway.kill('SIGKILL');
  await gateway.ended;
  await database.drop();
});

/** The most memory that the process has had at any time. */
const peakMegabytes = (pid: number): number =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;

test.each(['', 'accept-encoding: gzip\r\n'])(
  'a client that requests the page 400 times at once and reads nothing costs one page of memory, and nobody waits for it (%j)',
  async (encoding) => {
    const address = await gateway.address;
    const { hostname, port } = new URL(address);
    const socket = connect(Number(port), hostname).pause();
    try {
      socket.on('error', () => socket.destroy());
      socket.write(`GET /graphql HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\n${encoding}\r\n`.repeat(PAGES));
      const inFlight = async () =>
        Number(
          /^concierge_http_requests_in_flight (\d+)$/m.exec((await ask(`${address}/metrics`)).body.toString())?.[1],
        );
      await until('its requests to be in flight', inFlight, (count) => count > PAGES);
      const query = `${address}/graphql?query=${encodeURIComponent('{ customers { totalCount } }')}`;
      expect((await ask(query)).body.toString()).toBe('{"data":{"customers":{"totalCount":0}}}');
      const page = await ask(`${address}/graphql`, { accept: 'text/html' });
      expect([page.status, page.body.length > 5_000_000]).toEqual([200, true]);
      expect(peakMegabytes(gateway.pid)).toBeLessThan(MOST_MEGABYTES);
    } finally {
      socket.destroy();
    }
  },
);
