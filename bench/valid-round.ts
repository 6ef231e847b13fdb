import { CliError } from '../src/cli-error.ts';
import type { Contestant } from './contestants.ts';
import type { Round } from './round.ts';

/** EX_TEMPFAIL of sysexits.h. */
const TRY_AGAIN_EXIT_CODE = 75;

/**
 * A round that measured what it should: no uncached line that hit the cache, no cached line that bypassed it. On a busy machine
 * a look-up can exceed its time limit, and a short round can lose most of its requests at its end, so a round gets several
 * attempts.
 * @param options.isStrict false: the last attempt is accepted anyway, and reported; for runs whose figures nobody uses
 * @throws CliError (exit code 75) when no attempt is valid
 */
export async function validRound(
  { who, question, statements, varied, cacheResult }: Omit<Contestant, 'child'>,
  run: () => Promise<Round>,
  options: { tries: number; isStrict: boolean; report: (line: string) => void },
): Promise<Round> {
  const allowed = varied ? 0.1 : 0.01;
  for (let attempt = 1; ; attempt += 1) {
    const round = await run();
    const isExact = Math.abs(round.statements - statements) <= allowed * Math.max(1, statements);
    if (isExact && (cacheResult === undefined || (round.cacheResults[cacheResult] ?? 0) > 0.98)) return round;
    const meant = `${statements} statements a request${cacheResult === undefined ? '' : ` and ${cacheResult}`}`;
    const came = `${round.statements.toFixed(3)} statements a request, ${JSON.stringify(round.cacheResults)}`;
    const message = `${who} ${question}: expected ${meant}, got ${came}`;
    if (attempt < options.tries) options.report(`Again: ${message}`);
    else if (options.isStrict)
      throw new CliError(`${message}, ${attempt} times. If this machine has other things to do, try again later.`, {
        exitCode: TRY_AGAIN_EXIT_CODE,
      });
    else {
      options.report(`Taken as it is: ${message}`);
      return round;
    }
  }
}
