import { until } from '../support/patience.ts';
import type { OwnServers } from '../support/servers.ts';
import { createTraffic, runClient } from './clients.ts';
import { createGateway } from './gateways.ts';
import { wrongIn, type Rolling } from './rolling.ts';

const KEEPING = 10;
const NEW_EACH_TIME = 10;

/**
 * Restarts a gateway while clients connect to it without a proxy until it is gone, as in Kubernetes until every node has heard that
 * a pod is to end. Half of them keep their connections, the others open one for each request.
 * @param options.goesOn whether to go on after so many restarts
 */
export async function restartDirectly({
  servers,
  drainMs,
  goesOn,
}: {
  readonly servers: OwnServers;
  readonly drainMs: number;
  readonly goesOn: (restarts: number) => boolean;
}): Promise<Rolling> {
  const gateway = await createGateway(servers);
  const traffic = createTraffic();
  let isOver = false;
  let restarts = 0;
  try {
    for (; goesOn(restarts); restarts += 1) {
      await gateway.start(drainMs);
      const { answered } = traffic;
      const clients = Array.from({ length: KEEPING + NEW_EACH_TIME }, (_, i) =>
        runClient(traffic, {
          url: `http://${gateway.address}`,
          name: `direct-${restarts}-client-${i}`,
          isNewEachTime: i >= KEEPING,
          isOver: () => isOver,
        }),
      );
      await until(
        'clients to be answered',
        () => traffic,
        (seen) => seen.answered > answered + 10 * clients.length,
      );
      await gateway.stop();
      await Promise.all(clients);
    }
    return { traffic, restarts, wrong: await wrongIn(servers, traffic) };
  } finally {
    isOver = true;
    await gateway.kill();
  }
}
