import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningServer } from './server.ts';

interface Keeping {
  /** Its name in the reported lines, such as "embedded redis server". */
  readonly name: string;
  /** Starts the server again, on the same port. */
  readonly start: (signal: AbortSignal) => Promise<RunningServer>;
  /** Gets a line when the server has ended, when it runs again, and when it could not be started. */
  readonly report: (line: string) => void;
}

// The pause before the next start doubles until the server has run for a while. So one that always ends at once, or whose port
// is taken, logs only two lines every half a minute.
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 30_000;
const STEADY_MS = 60_000;

/**
 * Starts a server again whenever it ends by itself, as often as that happens.
 * @returns `stop`, like the server's own, which resolves when none of its processes is left
 */
export function keepRunning(
  first: RunningServer,
  { name, start, report }: Keeping,
): { readonly stop: (timeoutMs: number) => Promise<void> } {
  const ending = new AbortController();
  const { signal } = ending;
  let current = first;
  let pauseMs = FIRST_PAUSE_MS;

  const startAgain = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await sleep(pauseMs, undefined, { signal });
        pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
        current = await start(signal);
        return report(`The ${name} was started again (process ${current.child.pid})`);
      } catch (error) {
        // The first line says why; the others are from the server's log.
        const [why] = (Error.isError(error) ? error.message : String(error)).split('\n');
        if (!signal.aborted) report(`The ${name} could not be started again: ${why}`);
      }
    }
  };
  const watch = async (): Promise<void> => {
    while (!signal.aborted) {
      const since = performance.now();
      const how = await current.child.exited;
      if (signal.aborted) return;
      report(`The ${name} (process ${current.child.pid}) ${how}, and is started again; its log is ${current.logFile}`);
      if (performance.now() - since > STEADY_MS) pauseMs = FIRST_PAUSE_MS;
      await startAgain();
    }
  };
  const watching = watch();
  return {
    stop: async (timeoutMs) => {
      ending.abort();
      await current.child.stop(timeoutMs);
      await watching;
      // One that was being started meanwhile.
      await current.child.stop(timeoutMs);
    },
  };
}
