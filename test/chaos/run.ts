import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { startChaos, type Figures } from './chaos.ts';

const HELP = `npm run chaos -- [options]
  --minutes N  for how long at least (default 1)
  --seed N     decides what is written and what breaks; when each happens is left to the machine (default: any)
  --clients N  how many write at once (default 12)
Exit code 1 when anything was found that must not be.`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    clients: { type: 'string', default: '12' },
    help: { type: 'boolean', default: false },
  },
});
const print = (line: string): void => void process.stdout.write(`${line}\n`);

if (values.help) print(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  const interrupted = new AbortController();
  // Ctrl-C reaches the gateways by itself; this alone would leave them running.
  process.once('SIGTERM', () => interrupted.abort());
  const [minutes, clients] = [above0('minutes', values.minutes), above0('clients', values.clients)];
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed: expected a whole number, got "${values.seed}"`);
  const again = `npm run chaos -- --minutes ${minutes} --seed ${seed} --clients ${clients}`;
  print(again);
  const chaos = await startChaos({ seed, durationMs: minutes * 60_000, clients, signal: interrupted.signal });
  try {
    for (const line of linesOf(await chaos.run())) print(line);
    const violations = [
      ...(await chaos.withDatabase((connection) => chaos.violations(connection))),
      ...(await chaos.drifts()).map((drift) => `npm run verify: ${JSON.stringify(drift)}`),
    ];
    for (const violation of violations) print(`VIOLATION ${violation}`);
    print(
      violations.length === 0 ? 'Nothing was found that must not be.' : `${violations.length} found; again: ${again}`,
    );
    return violations.length === 0 ? 0 : 1;
  } finally {
    await chaos.close();
  }
}

function above0(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new Error(`--${name}: expected a number above 0, got "${text}"`);
}

function linesOf({ seconds, sent, acknowledged, retried, ...counts }: Figures): readonly string[] {
  return [
    `${sent} writes in ${seconds} s, ${acknowledged} acknowledged, ${retried} requests sent again`,
    ...Object.entries({
      'By mutation': counts.byMutation,
      Refused: counts.refused,
      Broken: counts.faults,
      'Counted by the gateways (what a killed one counted last is lost)': counts.counted,
    }).map(([what, each]) => `${what}: ${listed(each)}`),
  ];
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
