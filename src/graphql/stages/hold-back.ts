import { PACE } from '../../pace.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { within } from '../../time-limit.ts';
import { graphqlError } from '../coded-errors.ts';
import { RequestErrors } from '../documents.ts';
import type { RequestOrigin } from '../operation.ts';

export interface HoldBackOptions {
  /** How long a request may take, this waiting included. */
  readonly requestMs: number;
  readonly metrics: Pick<Metrics, 'heldBackRequests'>;
}

export type HoldBack = ReturnType<typeof createHoldBack>;

/** Creates what holds back the requests of clients that take more of a busy event loop than others. */
export function createHoldBack({ requestMs: ms, metrics }: HoldBackOptions) {
  const message = `The request took longer than ${ms} ms: its client takes more than others. Send fewer at once.`;
  const timeoutError = () => new RequestErrors([graphqlError('TIMEOUT', message)]);
  return {
    isHeld: (client: string): boolean => PACE.isHeld(client),
    /**
     * @returns undefined if the request may begin at once; otherwise a promise of how long it has waited, in ms, which resolves when
     * it may, or when its signal aborts, and rejects with RequestErrors when that takes too long
     */
    waitFor({ client, signal }: Pick<RequestOrigin, 'client' | 'signal'>): Promise<number> | undefined {
      if (!PACE.isHeld(client)) return undefined;
      metrics.heldBackRequests.inc();
      const since = performance.now();
      return within({ ms, timeoutError }, async (outOfTime) => {
        await PACE.next(client, AbortSignal.any([signal, outOfTime]));
        return performance.now() - since;
      });
    },
  };
}
