const STEPS = 10;

/**
 * Calls a function when time is up, not counting time in which the event loop stood still: what came meanwhile is not read yet, and
 * says nothing about who has sent it.
 * @returns a function that stops that, and returns for how long the event loop stood still at most
 */
export function whenTimeIsUp(ms: number, onUp: () => void): () => number {
  const stepMs = ms / STEPS;
  let steps = 0;
  let lastMs = performance.now();
  let longestMs = 0;
  const note = (): void => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs - stepMs);
    lastMs = nowMs;
  };
  const timer = setInterval(() => {
    note();
    steps += 1;
    // Not before pending input was read.
    if (steps === STEPS) setImmediate(onUp);
  }, stepMs);
  return () => {
    clearInterval(timer);
    note();
    return longestMs;
  };
}
