import { createError } from '../../errors.ts';
import { PACE } from '../../pace.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { within } from '../../time-limit.ts';
import type { RequestOrigin } from '../operation.ts';

export interface HoldBackOptions {
  /** How long a request may take, this waiting included. */
  readonly requestMs: number;
  readonly metrics: Pick<Metrics, 'heldBackRequests'>;
}

export type HoldBack = ReturnType<typeof createHoldBack>;

/** Creates the function that holds back the requests of clients that take more of a busy event loop than others. */
export function createHoldBack({ requestMs: ms, metrics }: HoldBackOptions) {
  const timeoutError = () =>
    createError(
      'TIMEOUT',
      `The request took longer than ${ms} ms: its client takes more than others. Send fewer at once.`,
    );
  /**
   * @returns undefined if the request may begin at once; otherwise a promise of how long it has waited, in ms, which rejects with TIMEOUT
   * when that is too long, or with the reason of the request's signal
   */
  return ({ client, signal }: Pick<RequestOrigin, 'client' | 'signal'>): Promise<number> | undefined => {
    if (!PACE.isHeld(client)) return undefined;
    metrics.heldBackRequests.inc();
    const since = performance.now();
    return within({ ms, timeoutError, signal }, async (limited) => {
      await PACE.next(client, limited);
      return performance.now() - since;
    });
  };
}
