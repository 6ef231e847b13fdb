import { CliError } from '../src/cli-error.ts';
import { nameOf, type Target } from './targets.ts';
import type { Round } from './round.ts';

/** EX_TEMPFAIL of sysexits.h. */
const TRY_AGAIN_EXIT_CODE = 75;

/**
 * Runs a round until it measures what it should: no cache hits where misses are meant, nor the reverse. On a busy machine a
 * look-up can time out, and a short round can lose most of its requests at its end, so a round gets several attempts.
 * @param options.isStrict false: the last attempt is accepted anyway, and reported; for runs whose figures do not matter
 * @throws CliError (exit code 75) when no attempt is valid
 */
export async function validRound(
  target: Omit<Target, 'child'>,
  run: () => Promise<Round>,
  options: { tries: number; isStrict: boolean; report: (line: string) => void },
): Promise<Round> {
  const { statements, varied, cacheResult } = target;
  const allowed = varied ? 0.1 : 0.01;
  for (let attempt = 1; ; attempt += 1) {
    const round = await run();
    const isExact = Math.abs(round.statements - statements) <= allowed * Math.max(1, statements);
    if (isExact && (cacheResult === undefined || (round.cacheResults[cacheResult] ?? 0) > 0.98)) return round;
    const expected = `${statements} statements per request${cacheResult === undefined ? '' : ` and ${cacheResult}`}`;
    const found = `${round.statements.toFixed(3)} statements per request, ${JSON.stringify(round.cacheResults)}`;
    const message = `${nameOf(target)}: expected ${expected}, got ${found}`;
    if (attempt < options.tries) options.report(`Retrying: ${message}`);
    else if (options.isStrict)
      throw new CliError(`${message}, ${attempt} times. The machine may be busy; try again later.`, {
        exitCode: TRY_AGAIN_EXIT_CODE,
      });
    else {
      options.report(`Accepted anyway: ${message}`);
      return round;
    }
  }
}
