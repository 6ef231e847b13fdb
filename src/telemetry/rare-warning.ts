import type { Log } from './log.ts';

/** Clients can cause thousands of these a second; metrics count all of them. */
const LOG_MS = 60_000;

/** Creates a function that logs each of some warnings at most once a minute. */
export function createRareWarning<Reason extends string>(
  log: Pick<Log, 'warn'>,
  warnings: Readonly<Record<Reason, string>>,
): (reason: Reason) => void {
  const loggedAt = new Map<Reason, number>();
  return (reason) => {
    const now = performance.now();
    if (now - (loggedAt.get(reason) ?? -Infinity) < LOG_MS) return;
    loggedAt.set(reason, now);
    log.warn(warnings[reason]);
  };
}
