import { until } from '../support/patience.ts';
import { withConnection, type OwnServers } from '../support/servers.ts';
import { createTraffic, runClient, type Traffic } from './clients.ts';
import { createGateway, type RestartableGateway } from './gateways.ts';
import type { ProxyName } from './programs.ts';
import { accepts, startProxy, type Proxy } from './proxies.ts';

interface RollingOptions {
  readonly servers: OwnServers;
  /** All of them in front of the same gateways. */
  readonly proxies: readonly ProxyName[];
  /** Of each proxy. */
  readonly clients: number;
  /** SHUTDOWN_DRAIN_MS to begin with: it is doubled whenever a proxy turns out to need more on this machine. */
  readonly drainMs: number;
  /** See `startProxy`. */
  readonly isHurried: boolean;
  /** Whether to go on after so many rolling restarts. */
  readonly goesOn: (rounds: number) => boolean;
}

/** What happened during rolling restarts to those who connected in one way. */
export interface Rolling {
  readonly traffic: Traffic;
  /** How many times a gateway was restarted. */
  readonly restarts: number;
  /** What was found wrong in the database, in sentences. */
  readonly wrong: readonly string[];
}

/** Restarts two gateways behind proxies, one after the other, while clients send requests without a pause. One result per proxy. */
export async function restartBehindProxies(options: RollingOptions): Promise<readonly Rolling[]> {
  const { servers, isHurried } = options;
  const gateways = [await createGateway(servers), await createGateway(servers)] as const;
  const addresses = [gateways[0].address, gateways[1].address] as const;
  const fronts: Front[] = [];
  let isOver = false;
  let clients: Promise<unknown> = Promise.resolve();
  try {
    await Promise.all(gateways.map((gateway) => gateway.start(options.drainMs)));
    for (const name of options.proxies)
      fronts.push({
        name,
        proxy: await startProxy(name, { gateways: addresses, isHurried }),
        traffic: createTraffic(),
      });
    clients = Promise.all(
      fronts.flatMap(({ name, proxy, traffic }) =>
        Array.from({ length: options.clients }, (_, i) =>
          runClient(traffic, { url: proxy.url, name: `${name}-client-${i}`, isOver: () => isOver }),
        ),
      ),
    );
    const restarts = await rollOver({ gateways, fronts }, options);
    isOver = true;
    await clients;
    return await Promise.all(
      fronts.map(async ({ traffic }) => ({ traffic, restarts, wrong: await wrongIn(servers, traffic) })),
    );
  } finally {
    isOver = true;
    await clients;
    await Promise.all(fronts.map(({ proxy }) => proxy.close()));
    await Promise.all(gateways.map((gateway) => gateway.kill()));
  }
}

/** A proxy, and what its clients have sent. */
interface Front {
  readonly name: ProxyName;
  readonly proxy: Proxy;
  readonly traffic: Traffic;
}

interface Running {
  readonly gateways: readonly RestartableGateway[];
  readonly fronts: readonly Front[];
}

/** Returns how many restarts counted. */
async function rollOver({ gateways, fronts }: Running, options: RollingOptions): Promise<number> {
  const untilUsedByAll = (gateway: RestartableGateway) => Promise.all(fronts.map((front) => untilUsed(front, gateway)));
  let { drainMs } = options;
  let restarts = 0;
  for (const gateway of gateways) await untilUsedByAll(gateway);
  for (let rounds = 0; options.goesOn(rounds);) {
    const failed = fronts.map(({ traffic }) => traffic.failures.length);
    let isInTime = true;
    for (const gateway of gateways) {
      const stopped = gateway.stop();
      const left = await Promise.all(fronts.map((front) => isLeftInTime(front, gateway, options.clients)));
      isInTime &&= left.every(Boolean);
      await stopped;
      await gateway.start(drainMs);
      await untilUsedByAll(gateway);
    }
    if (isInTime) {
      rounds += 1;
      restarts += gateways.length;
    } else {
      // What failed is the fault of the setting, or of a busy machine.
      for (const [i, { traffic }] of fronts.entries())
        traffic.pardoned += traffic.failures.splice(failed[i] ?? 0).length;
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
  { proxy, traffic }: Front,
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

async function untilUsed({ traffic }: Front, { address }: RestartableGateway): Promise<void> {
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
