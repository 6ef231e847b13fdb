import { bearing, BY_SECRET, inSeconds, tokenOf } from '../access/tokens.ts';
import { startProcess, type GatewayProcess } from '../cli/gateway-process.ts';
import { startProxy } from '../faults/proxy.ts';
import { MANY_AT_ONCE, PATIENT_WITH_DATABASE } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import type { OwnServers } from '../support/servers.ts';
import type { Ask } from './cache-model.ts';
import type { MutantName } from './mutants.ts';

/** A gateway in its own process, with its own way to Redis. */
export interface CuttableGateway {
  readonly ask: Ask;
  /** The sum of a metric over all labels, or its value for those in its name: `name{label="value"}`. */
  readonly metric: (name: string) => Promise<number>;
  /** Closes its connections to Redis, and refuses others. */
  readonly cut: () => void;
  /** Passes nothing on between it and Redis, and keeps the connections open. */
  readonly silence: () => void;
  /** Ends `cut` and `silence`. */
  readonly mend: () => void;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly isPaused: () => boolean;
  /** Has responses wait before they are compressed, until it is called again. */
  readonly holdCompressions: () => void;
  readonly close: () => Promise<void>;
}

/**
 * Starts a gateway that other gateways may share database and Redis with.
 * @param mutant a part of it that is switched off
 */
export async function startCuttable({ database, redis }: OwnServers, mutant?: MutantName): Promise<CuttableGateway> {
  let way: 'open' | 'cut' | 'silent' = 'open';
  const proxy = await startProxy(Number(new URL(redis.url).port), (client, upstream) => {
    if (way === 'cut') return void client.destroy();
    client.on('data', (data: Buffer) => way === 'open' && upstream.write(data));
    upstream.on('data', (data: Buffer) => way === 'open' && client.write(data));
  });
  const settings = {
    ...PATIENT_WITH_DATABASE,
    ...BY_SECRET,
    // While requests are held back in the database, others must still be able to write, although all writers are one client to a gateway,
    // whose operations wait for each other beyond a cost, and although each request that is held back holds a connection.
    ...MANY_AT_ONCE,
    LIMIT_DATABASE_CONNECTIONS: '30',
    DATABASE_URL: database.url,
    REDIS_URL: Object.assign(new URL(redis.url), { port: String(proxy.port) }).href,
    LOG_LEVEL: 'error',
    LIMIT_COST_PER_MINUTE: '0',
  };
  const preloads = [
    'hold-compressions.ts',
    ...(mutant === undefined ? [] : [`load-mutant.ts?${encodeURIComponent(mutant)}`]),
  ];
  const gateway = await startAnyhow(settings, preloads);
  const { url, process } = gateway;
  let isPaused = false;
  const everything = bearing(await tokenOf({ scope: 'crm:read crm:write crm:pii', exp: inSeconds(24 * 3_600) }));
  return {
    async ask(query, variables = {}, headers = {}) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...everything, ...headers },
        body: JSON.stringify({ query, variables }),
      });
      const text = await response.text();
      const { data, errors } = JSON.parse(text);
      if (errors !== undefined) throw new Error(`unexpected errors: ${text}`);
      return { data, result: response.headers.get('x-cache') };
    },
    async metric(name) {
      const text = await (await fetch(`${url}/metrics`)).text();
      const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
    cut() {
      way = 'cut';
      proxy.destroyAll();
    },
    silence() {
      way = 'silent';
    },
    mend() {
      // What was swallowed is missing in the connections' streams.
      if (way === 'silent') proxy.destroyAll();
      way = 'open';
    },
    pause() {
      isPaused = true;
      process.kill('SIGSTOP');
    },
    resume() {
      process.kill('SIGCONT');
      isPaused = false;
    },
    isPaused: () => isPaused,
    holdCompressions: () => process.kill('SIGUSR2'),
    async close() {
      process.kill('SIGTERM');
      await process.ended;
      await proxy.close();
    },
  };
}

/** It gives up after two seconds, which a database on a busy machine may exceed. */
async function startAnyhow(settings: Readonly<Record<string, string>>, preloads: readonly string[]) {
  const nodeFlags = preloads.flatMap((file) => ['--import', new URL(file, import.meta.url).href]);
  const started = await until(
    'a gateway to start',
    (): Promise<{ url: string; process: GatewayProcess } | string> => {
      const process = startProcess(settings, { nodeFlags });
      return process.address.then((url) => ({ url, process })).catch(String);
    },
    (seen) => typeof seen !== 'string',
  );
  if (typeof started === 'string') throw new Error(started);
  return started;
}
