/** How often each gateway makes sure, even without requests, that Redis would accept an invalidation. */
export const CHECK_MS = 200;

/**
 * The longest that a gateway may go without seeing Redis accept writes and still believe what it finds there. A mutation whose
 * invalidation fails is answered only when it has failed for this long: by then every gateway's standing has lapsed or will have
 * when it next hears from Redis. Longer than a check and its reply may take.
 * @param timeoutMs the longest that a command may take
 */
export const leaseMs = (timeoutMs: number): number => 1_000 + timeoutMs;

/**
 * Notices when Redis may have refused another gateway's invalidation unseen. It measures from sending the earlier question to
 * receiving the later answer, so any longer period in which Redis refused, hung or was out of reach lies in a gap that it
 * notices, even if this process itself was stopped meanwhile.
 * @param onLapse called when there was such a gap
 */
export function createStanding(lease: number, onLapse: () => void) {
  let confirmedMs = performance.now();
  return {
    /** Redis would have accepted an invalidation at some time between `askedMs` (of `performance.now()`) and now. */
    confirm(askedMs: number): void {
      if (performance.now() - confirmedMs > lease) onLapse();
      confirmedMs = askedMs;
    },
  };
}
