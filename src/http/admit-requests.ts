import type { Limits } from '../config.ts';
import type { Log } from '../telemetry/log.ts';
import { SHORT_OF_MEMORY, type MemoryWatch } from '../telemetry/memory.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createRareWarning } from '../telemetry/rare-warning.ts';
import { createAdmission, type Admission } from './admission.ts';
import { HttpError } from './http-error.ts';

/** Why a GraphQL request was refused before anything was done for it. Its client is told more. */
const REFUSALS = {
  gateway: 'GraphQL requests are refused because LIMIT_REQUESTS are being handled',
  client: 'GraphQL requests of a client are refused because LIMIT_REQUESTS_PER_CLIENT of them are being handled',
  memory: 'GraphQL requests are refused because memory is short',
  cost: 'GraphQL requests of a client are refused because it has spent LIMIT_COST_PER_MINUTE',
} as const;

/** Creates the function that counts a refusal, and logs it at most once a minute for each limit. */
export function refusalReporter({ log, metrics }: { log: Log; metrics: Metrics }) {
  const warn = createRareWarning(log, REFUSALS);
  return (limit: keyof typeof REFUSALS): void => {
    metrics.requestsRefused.inc({ limit });
    warn(limit);
  };
}

/** Counts the GraphQL requests that are being handled, and refuses those beyond the limits, or for which there is no memory. */
export function admitRequests(
  limits: Limits,
  { memory, refused }: { memory: Pick<MemoryWatch, 'isShort'>; refused: ReturnType<typeof refusalReporter> },
): Admission {
  const admission = createAdmission({
    limits: { gateway: limits.requests, client: limits.requestsPerClient },
    what: 'requests at the same time',
    advice: 'send it again later',
    retryAfterSeconds: 1,
    onCount: () => undefined,
    onRefused: refused,
  });
  return {
    admit(client, size) {
      if (!memory.isShort()) return admission.admit(client, size);
      refused('memory');
      throw new HttpError(503, SHORT_OF_MEMORY, { 'retry-after': '1' });
    },
    admitIfFree: (client) => (memory.isShort() ? undefined : admission.admitIfFree(client)),
  };
}
