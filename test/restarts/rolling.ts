import { until } from '../support/patience.ts';
import { withConnection, type OwnServers } from '../support/servers.ts';
import { createTraffic, runClient, type Traffic } from './clients.ts';
import { createGateway, type RestartableGateway } from './gateways.ts';
import type { ProxyName } from './programs.ts';
import { accepts, startProxy, type Proxy } from './proxies.ts';

interface RollingOptions {
  readonly servers: OwnServers;
  readonly proxy: ProxyName;
  readonly clients: number;
  /** SHUTDOWN_DRAIN_MS to begin with: it is doubled whenever the proxy turns out to need more on this machine. */
  readonly drainMs: number;
  /** See `startProxy`. */
  readonly isHurried: boolean;
  /** Whether to go on after so many rolling restarts. */
  readonly goesOn: (rounds: number) => boolean;
}

/** What happened during rolling restarts. */
export interface Rolling {
  readonly traffic: Traffic;
  /** How many times a gateway was restarted. */
  readonly restarts: number;
  /** What was found wrong in the database, in sentences. */
  readonly wrong: readonly string[];
}

/** Restarts two gateways behind a proxy, one after the other, while clients send requests without a pause. */
export async function restartBehindProxy(options: RollingOptions): Promise<Rolling> {
  const { servers } = options;
  const gateways = [await createGateway(servers), await createGateway(servers)] as const;
  const traffic = createTraffic();
  try {
    await Promise.all(gateways.map((gateway) => gateway.start(options.drainMs)));
    const addresses = [gateways[0].address, gateways[1].address] as const;
    const proxy = await startProxy(options.proxy, { gateways: addresses, isHurried: options.isHurried });
    let isOver = false;
    const clients = Array.from({ length: options.clients }, (_, i) =>
      runClient(traffic, { url: proxy.url, name: `${options.proxy}-client-${i}`, isOver: () => isOver }),
    );
    try {
      const restarts = await rollOver({ gateways, proxy, traffic }, options);
      isOver = true;
      await Promise.all(clients);
      return { traffic, restarts, wrong: await wrongIn(servers, traffic) };
    } finally {
      isOver = true;
      await Promise.all(clients);
      await proxy.close();
    }
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.kill()));
  }
}

interface Running {
  readonly gateways: readonly RestartableGateway[];
  readonly proxy: Proxy;
  readonly traffic: Traffic;
}

/** Returns how many restarts counted. */
async function rollOver(running: Running, options: RollingOptions): Promise<number> {
  const { gateways, traffic } = running;
  let { drainMs } = options;
  let restarts = 0;
  for (const gateway of gateways) await untilUsed(running, gateway);
  for (let rounds = 0; options.goesOn(rounds);) {
    const failed = traffic.failures.length;
    let isInTime = true;
    for (const gateway of gateways) {
      const stopped = gateway.stop();
      isInTime = (await isLeftInTime(running, gateway, options.clients)) && isInTime;
      await stopped;
      await gateway.start(drainMs);
      await untilUsed(running, gateway);
    }
    if (isInTime) {
      rounds += 1;
      restarts += gateways.length;
    } else {
      // What failed is the fault of the setting, or of a busy machine.
      traffic.pardoned += traffic.failures.splice(failed).length;
      drainMs = Math.min(2 * drainMs, 600_000);
    }
  }
  return restarts;
}

/**
 * Whether the proxy has left a gateway that is stopping before that one stops accepting requests. This is the condition under
 * which no request may fail, and whoever sets SHUTDOWN_DRAIN_MS must see to it.
 */
async function isLeftInTime(
  { proxy, traffic }: Running,
  { address, port }: RestartableGateway,
  clients: number,
): Promise<boolean> {
  const answered = traffic.answeredBy.get(address) ?? 0;
  // nginx is told by each response that a connection will be closed, so that it must have used those that it has kept.
  const hasToldAll = async () => (traffic.answeredBy.get(address) ?? 0) - answered >= KEPT_BY_NGINX + clients;
  const look = async () => ({
    hasLeft: await (proxy.hasLeft?.(address) ?? hasToldAll()),
    // In this order: it was still accepting requests when the proxy had left.
    isOpen: await accepts(port),
  });
  const { hasLeft, isOpen } = await until(
    'a proxy to leave a gateway that is stopping',
    look,
    (seen) => seen.hasLeft || !seen.isOpen,
  );
  return hasLeft && isOpen;
}

/** `keepalive` in its configuration. */
const KEPT_BY_NGINX = 32;

async function untilUsed({ traffic }: Running, { address }: RestartableGateway): Promise<void> {
  const before = traffic.answeredBy.get(address) ?? 0;
  await until(
    `the proxy to use the gateway at ${address}`,
    () => ({ before, answeredBy: traffic.answeredBy, failures: traffic.failures.slice(-3) }),
    ({ answeredBy }) => (answeredBy.get(address) ?? 0) > before,
  );
}

/** What the database has otherwise than clients were told. */
export async function wrongIn({ database }: OwnServers, { written }: Traffic): Promise<readonly string[]> {
  const rows = await withConnection(database.url, (connection) =>
    connection.query<{ name: string }[]>('SELECT name FROM customers'),
  );
  const times = new Map<string, number>();
  for (const { name } of rows) times.set(name, (times.get(name) ?? 0) + 1);
  return [
    ...written.filter((name) => !times.has(name)).map((name) => `${name} was acknowledged, and is not there`),
    ...[...times].filter(([, count]) => count > 1).map(([name, count]) => `${name} is there ${count} times`),
  ];
}
