import type { Database } from '../db/database.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { sweepKeys } from './idempotency.ts';

const SWEEP_MS = 10 * 60_000;

/** Deletes expired idempotency keys regularly; with several gateways, the first one deletes most of them. */
export function sweepRegularly({ db, log, metrics }: { db: Database; log: Log; metrics: Metrics }): NodeJS.Timeout {
  const sweep = (): void =>
    void sweepKeys(db.client).then(
      (swept) => log.debug({ swept }, 'deleted expired idempotency keys'),
      (error: unknown) => {
        metrics.sweepFailures.inc();
        log.warn({ err: error }, 'old idempotency keys could not be deleted; trying again later');
      },
    );
  return setInterval(sweep, SWEEP_MS).unref();
}
