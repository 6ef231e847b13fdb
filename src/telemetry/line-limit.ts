const LINES_PER_MINUTE = 6;
const MINUTE_MS = 60_000;

/**
 * Returns a function that calls `write` a few times a minute at most, with how many calls before it were left out.
 * @param clock milliseconds that only increase
 */
export function createLineLimit(
  perMinute = LINES_PER_MINUTE,
  clock = () => performance.now(),
): (write: (leftOut: number) => void) => void {
  let [began, lines, leftOut] = [-MINUTE_MS, 0, 0];
  return (write) => {
    const now = clock();
    if (now - began >= MINUTE_MS) [began, lines] = [now, 0];
    if (lines === perMinute) {
      leftOut += 1;
      return;
    }
    lines += 1;
    write(leftOut);
    leftOut = 0;
  };
}

/** The same for each key by itself, of which there are few. */
export function createLineLimits(
  perMinute: number,
  clock?: () => number,
): (key: string, write: (leftOut: number) => void) => void {
  const limits = new Map<string, ReturnType<typeof createLineLimit>>();
  return (key, write) => {
    const limit = limits.get(key) ?? createLineLimit(perMinute, clock);
    limits.set(key, limit);
    limit(write);
  };
}
