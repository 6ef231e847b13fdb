import { startProcess, type GatewayProcess } from '../cli/gateway-process.ts';
import { startCuttingProxy, type CuttingProxy } from '../faults/cutting-proxy.ts';
import { until } from '../support/patience.ts';
import type { OwnServers } from '../support/servers.ts';

/** What gateways count, by the names and labels of `/metrics`; for killed ones, the last values seen. */
export type Counted = ReadonlyMap<string, number>;

/** An error as a client sees it. */
export interface ShownError {
  readonly message: string;
  readonly extensions: { readonly code: string; readonly errorId?: string };
}

/** Two gateways, each in its own process and with its own proxy to the database. */
export interface Gateways {
  /** The current URL of the first (0) or second (1). */
  readonly url: (which: number) => string;
  readonly proxy: (which: number) => CuttingProxy;
  /** Ends one and starts another in its place; resolves when that one serves. */
  readonly restart: (which: number, signal: 'SIGKILL' | 'SIGTERM') => Promise<void>;
  readonly counted: () => Promise<Counted>;
  /** The log line for an error that a gateway returned, if it still exists. */
  readonly logged: (which: number, error: ShownError) => string;
  readonly close: () => Promise<void>;
}

const COUNTERS = /^(concierge_(?:transaction_retries|replayed_writes|masked_errors)_total\S*) (\d+)$/gm;

interface Slot {
  readonly proxy: CuttingProxy;
  process: GatewayProcess;
  url: string;
}

/** @param violation called when one ends by itself, or not as it should */
export async function startGateways(servers: OwnServers, violation: (sentence: string) => void): Promise<Gateways> {
  const counted = new Map<string, number>();
  const ending = new Set<GatewayProcess>();

  async function watch(process: GatewayProcess): Promise<void> {
    const { code, signal, stderr } = await process.ended;
    if (!ending.has(process)) violation(`a gateway ended by itself, with ${signal ?? code}: ${stderr}`);
  }

  async function start(proxy: CuttingProxy): Promise<Pick<Slot, 'process' | 'url'>> {
    const settings = {
      DATABASE_URL: Object.assign(new URL(servers.database.url), { port: String(proxy.port) }).href,
      REDIS_URL: servers.redis.url,
      LOG_LEVEL: 'error',
      // All requests come from one address.
      LIMIT_COST_PER_MINUTE: '1000000000',
    };
    // It gives up after two seconds, which a database on a busy machine may exceed.
    const started = await until(
      'a gateway to start',
      async () => {
        const process = startProcess(settings);
        return process.address.then((url) => ({ process, url })).catch(String);
      },
      (seen) => typeof seen !== 'string',
    );
    if (typeof started === 'string') throw new Error(started);
    void watch(started.process);
    return started;
  }

  /** Adds what a process has counted to `into`; nothing if it does not answer. */
  async function count({ url }: Pick<Slot, 'url'>, into: Map<string, number>): Promise<void> {
    const text = await fetch(`${url}/metrics`)
      .then((response) => response.text())
      .catch(() => '');
    for (const [, name = '', value] of text.matchAll(COUNTERS)) into.set(name, (into.get(name) ?? 0) + Number(value));
  }

  async function end(slot: Slot, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    await count(slot, counted);
    ending.add(slot.process);
    slot.process.kill(signal);
    const { code, signal: by, stderr } = await slot.process.ended;
    if (signal === 'SIGTERM' && (code !== 0 || stderr !== ''))
      violation(`a gateway that was told to stop ended with ${by ?? code}: ${stderr}`);
  }

  const slots = await Promise.all(
    [0, 1].map(async (): Promise<Slot> => {
      const proxy = await startCuttingProxy(Number(new URL(servers.database.url).port));
      return { proxy, ...(await start(proxy)) };
    }),
  );
  const slotOf = (which: number): Slot => {
    const slot = slots[which];
    if (slot === undefined) throw new RangeError(`expected 0 or 1, got ${which}`);
    return slot;
  };
  return {
    url: (which) => slotOf(which).url,
    proxy: (which) => slotOf(which).proxy,
    async restart(which, signal) {
      const slot = slotOf(which);
      await end(slot, signal);
      Object.assign(slot, await start(slot.proxy));
    },
    logged(which, { message, extensions: { errorId } }) {
      const lines = slotOf(which).process.stdout().split('\n');
      return (errorId === undefined ? undefined : lines.find((line) => line.includes(errorId))) ?? message;
    },
    async counted() {
      const all = new Map(counted);
      for (const slot of slots) await count(slot, all);
      return all;
    },
    async close() {
      await Promise.all(slots.map((slot) => end(slot, 'SIGTERM')));
      await Promise.all(slots.map(({ proxy }) => proxy.close()));
    },
  };
}
