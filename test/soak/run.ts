import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { SOAKS } from '../support/soak.ts';

const HELP = `npm run soak -- NAME [options]
  NAME         ${Object.keys(SOAKS).join(', ')}
  --minutes N  for how long at least (default 10)
  --seed N     decides what is made up; when each thing happens is left to the machine (default: any)
Exit code 1 when anything was found that must not be, 64 when the command is not understood.`;

/** Runs the file of a random run by itself, for the requested time. */
async function main(args: readonly string[]): Promise<number> {
  const options = {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    help: { type: 'boolean', default: false },
  } as const;
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  const [name = '', ...more] = positionals;
  const file = Object.entries(SOAKS).find(([known]) => known === name)?.[1];
  if (file === undefined || more.length > 0)
    throw new RangeError(`expected one of ${Object.keys(SOAKS).join(', ')}, got "${positionals.join(' ')}"`);
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes < Infinity))
    throw new RangeError(`--minutes: expected a number above 0, got "${values.minutes}"`);
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed)) throw new RangeError(`--seed: expected a whole number, got "${values.seed}"`);
  process.stdout.write(`npm run soak -- ${name} --minutes ${minutes} --seed ${seed}\n`);
  const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
  const child = spawn(process.execPath, [...jest, '--runInBand', file], {
    stdio: 'inherit',
    env: { ...process.env, SOAK_MINUTES: String(minutes), SOAK_SEED: String(seed) },
  });
  // The terminal sends Ctrl-C to the child as well.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}\n`);
  process.exitCode = 64;
}
