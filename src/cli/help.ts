/** The end of a command's help. */
interface CommandHelp {
  readonly examples: readonly string[];
  readonly exitCodes: Readonly<Record<number, string>>;
}

const UNREACHABLE = { 69: 'the database cannot be used' };
const EVERYWHERE = {
  64: 'the command line is wrong',
  70: 'unexpected: please report it with what it printed',
  78: 'settings are wrong, each named on its line',
};
const PROBLEM = { 1: 'the message says what is wrong' };
const INTERRUPTED = { 130: 'stopped by Ctrl-C; the same command goes on' };

/** By command. docs/troubleshooting.md lists every exit code, docs/importing.md has the details for imports. */
const HELP: Readonly<Record<string, CommandHelp>> = {
  start: {
    examples: ['npm start', 'PORT=4001 DATABASE_URL=mysql://user:password@host:3306/crm npm start'],
    exitCodes: {
      0: 'stopped by Ctrl-C or SIGTERM, requests under way finished',
      ...PROBLEM,
      69: 'the database or the address to listen at cannot be used',
      77: 'the address to listen at needs more rights',
      130: 'stopped by Ctrl-C before it served, or by a second one',
    },
  },
  migrate: {
    examples: ['npm run migrate', 'DATABASE_URL=mysql://user:password@host:3306/crm npm run migrate'],
    exitCodes: { 0: 'the tables are of this version', ...PROBLEM, ...UNREACHABLE },
  },
  seed: {
    examples: ['npm run seed -- --customers 100000', 'npm run seed -- --customers 1,000,000 --seed 2 --reset'],
    exitCodes: {
      0: 'all rows are there',
      ...PROBLEM,
      65: 'the database holds other rows, or a seed with other options; nothing was changed',
      ...UNREACHABLE,
      ...INTERRUPTED,
    },
  },
  explain: {
    examples: ['npm run explain', 'npm run explain -- --only Customer.orders --json'],
    exitCodes: {
      0: 'every statement is within its bounds',
      1: 'a statement reads more than it may, or not from the index that it names',
      ...UNREACHABLE,
      130: 'stopped by Ctrl-C',
    },
  },
  verify: {
    examples: ['npm run verify', 'DATABASE_URL=mysql://user:password@host:3306/crm npm run verify -- --repair'],
    exitCodes: {
      0: 'nothing drifts',
      1: 'drift was found, whether it was repaired or not',
      ...UNREACHABLE,
      130: 'stopped by Ctrl-C',
    },
  },
  import: {
    examples: [
      'npm run import -- exports/northwind --mapping import/northwind.yaml',
      'npm run import -- exports --mapping acme.yaml --rejects exports/rejects',
    ],
    exitCodes: {
      0: 'every row was taken',
      1: 'some rows were rejected, the others were taken; or the message says what is wrong',
      65: 'the mapping is wrong, or does not fit the files; nothing was written',
      66: 'the mapping or a file that it names is missing; nothing was written',
      ...UNREACHABLE,
      ...INTERRUPTED,
    },
  },
};

/**
 * The help text after a command's options.
 * @throws Error for a command that has none
 */
export function helpEnd(command: string): string {
  const help = HELP[command];
  if (help === undefined) throw new Error(`the command ${command} has no help`);
  const codes = Object.entries({ ...help.exitCodes, ...EVERYWHERE }).map(
    ([code, meaning]) => `  ${code.padEnd(3)}  ${meaning}`,
  );
  return ['', 'Examples:', ...help.examples.map((line) => `  ${line}`), '', 'Exit codes:', ...codes].join('\n');
}
