import { startProcess, type GatewayProcess } from '../cli/gateway-process.ts';
import { freePort } from '../../src/embedded/ports.ts';
import { PATIENT } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import type { OwnServers } from '../support/servers.ts';

/** A gateway in its own process, which starts anew on the same port. */
export interface RestartableGateway {
  readonly port: number;
  readonly address: string;
  /** Sends SIGTERM. Resolves when the process has ended, which must be with exit code 0. */
  readonly stop: () => Promise<void>;
  /** @param drainMs SHUTDOWN_DRAIN_MS of the new process */
  readonly start: (drainMs: number) => Promise<void>;
  readonly kill: () => Promise<void>;
}

/** Prepares a gateway that is not started yet. */
export async function createGateway({ database, redis }: OwnServers): Promise<RestartableGateway> {
  const port = await freePort();
  let process: GatewayProcess | undefined;
  const end = async (signal: NodeJS.Signals) => {
    const ending = process;
    process = undefined;
    ending?.kill(signal);
    return ending?.ended;
  };
  const settings = {
    ...PATIENT,
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    PORT: String(port),
    LOG_LEVEL: 'error',
    // All requests come from one address.
    LIMIT_COST_PER_MINUTE: '1000000000',
  };
  return {
    port,
    address: `127.0.0.1:${port}`,
    async start(drainMs) {
      // Another process may have taken the port meanwhile, even if only for a connection.
      await until(
        'a gateway to start',
        async () => {
          process = startProcess({ ...settings, SHUTDOWN_DRAIN_MS: String(drainMs) });
          return process.address.then(() => 'started').catch(String);
        },
        (seen) => seen === 'started',
      );
    },
    async stop() {
      const ended = await end('SIGTERM');
      if (ended?.code !== 0 || ended.stderr !== '')
        throw new Error(`a gateway that was told to stop ended with ${JSON.stringify(ended)}`);
    },
    async kill() {
      await end('SIGKILL');
    },
  };
}
