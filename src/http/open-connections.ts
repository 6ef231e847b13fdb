import type { Connection } from './connection.ts';

/** The connections of one network. */
interface OfNetwork {
  /** In the order in which they became idle, so the first has been idle for longest. */
  readonly idle: Set<Connection>;
  readonly busy: Set<Connection>;
}

/** More connections than clients of one network usually have. */
const MANY = 100;

const sizeOf = ({ idle, busy }: OfNetwork): number => idle.size + busy.size;
const firstOf = ([first]: Iterable<Connection>): Connection | undefined => first;

/** A server's open connections, by network. */
export function createOpenConnections() {
  const networks = new Map<string, OfNetwork>();
  let size = 0;
  /** The largest of these networks. */
  const largest = (isCandidate: (network: OfNetwork) => boolean): OfNetwork | undefined => {
    let found: OfNetwork | undefined;
    for (const network of networks.values())
      if (isCandidate(network) && (found === undefined || sizeOf(network) > sizeOf(found))) found = network;
    return found;
  };
  return {
    size: () => size,
    all: (): Connection[] => [...networks.values()].flatMap(({ idle, busy }) => [...idle, ...busy]),
    busy: (): Connection[] => [...networks.values()].flatMap(({ busy }) => [...busy]),
    add(connection: Connection): void {
      const network = networks.get(connection.network) ?? { idle: new Set(), busy: new Set() };
      networks.set(connection.network, network);
      network.idle.add(connection);
      size += 1;
    },
    /** Notes that it has become idle or busy. */
    change(connection: Connection): void {
      const network = networks.get(connection.network);
      if (network === undefined) return;
      const [from, to] = connection.isBusy() ? [network.idle, network.busy] : [network.busy, network.idle];
      // Not for one that has been closed meanwhile.
      if (from.delete(connection)) to.add(connection);
    },
    remove(connection: Connection): void {
      const network = networks.get(connection.network);
      if (network === undefined || !(network.idle.delete(connection) || network.busy.delete(connection))) return;
      size -= 1;
      if (sizeOf(network) === 0) networks.delete(connection.network);
    },
    /**
     * Connections to be closed while memory is short: a tenth of those of the network with the most, if it has many, and only such as
     * are owed no answer, or do not read it.
     */
    toFreeMemory(): Connection[] {
      const most = largest((network) => sizeOf(network) > MANY);
      if (most === undefined) return [];
      const expendable = most.busy.values().filter((connection) => connection.isArriving() || connection.isUnread());
      return [...expendable, ...most.idle].slice(0, Math.min(sizeOf(most) - MANY, Math.ceil(sizeOf(most) / 10)));
    },
    /**
     * The connection that is to make room for others: of the network with the most connections, the one that has been idle for
     * longest, or one whose request has not arrived, or whose client reads no response. If it owes answers on all of them, an idle
     * one of another network.
     */
    toMakeRoom(): Connection | undefined {
      const most = largest(() => true);
      return (
        firstOf(most?.idle ?? []) ??
        most?.busy.values().find((connection) => connection.isArriving()) ??
        most?.busy.values().find((connection) => connection.isUnread()) ??
        firstOf(largest(({ idle }) => idle.size > 0)?.idle ?? [])
      );
    },
  };
}
