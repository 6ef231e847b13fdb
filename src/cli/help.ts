/** The end of a command's help. */
interface CommandHelp {
  readonly examples: readonly string[];
  readonly exitCodes: Readonly<Record<number, string>>;
}

const UNREACHABLE = { 69: 'the database cannot be reached' };
const UNREACHABLE_OR_IN_USE = { 69: 'the database cannot be reached, or the data folder is in use by another process' };
const EVERYWHERE = {
  64: 'the command line is wrong',
  70: 'an unexpected error: please report it, with the output',
  77: "the database's account may not do this",
  78: 'settings are wrong; each is named on its own line',
};
const PROBLEM = { 1: 'the message says what is wrong' };
const INTERRUPTED = { 130: 'stopped by Ctrl-C; run the same command again to continue' };

/** By command. docs/troubleshooting.md lists every exit code, docs/importing.md has the details for imports. */
const HELP: Readonly<Record<string, CommandHelp>> = {
  start: {
    examples: ['npm start', 'PORT=4001 DATABASE_URL=mysql://user:password@host:3306/crm npm start'],
    exitCodes: {
      0: 'stopped by Ctrl-C or SIGTERM, after the requests in progress had finished',
      ...PROBLEM,
      69: 'the database, the data folder or the address to listen on cannot be used',
      77: 'listening on that address needs more privileges, or the database account has too few',
      130: 'stopped by Ctrl-C before it served requests, or by a second Ctrl-C',
    },
  },
  migrate: {
    examples: ['npm run migrate', 'DATABASE_URL=mysql://user:password@host:3306/crm npm run migrate'],
    exitCodes: { 0: 'the tables are at this version', ...PROBLEM, ...UNREACHABLE_OR_IN_USE },
  },
  seed: {
    examples: ['npm run seed -- --customers 100000', 'npm run seed -- --customers 1,000,000 --seed 2 --reset'],
    exitCodes: {
      0: 'the database holds all rows of this seed',
      ...PROBLEM,
      65: 'the database holds rows that are not from this seed, or from one with other options; nothing was changed',
      ...UNREACHABLE_OR_IN_USE,
      ...INTERRUPTED,
    },
  },
  explain: {
    examples: ['npm run explain', 'npm run explain -- --only Customer.orders --json'],
    exitCodes: {
      0: 'every statement is within its bounds',
      1: 'a statement reads more rows than it may, or does not use the index that it names',
      ...UNREACHABLE,
      130: 'stopped by Ctrl-C',
    },
  },
  verify: {
    examples: ['npm run verify', 'DATABASE_URL=mysql://user:password@host:3306/crm npm run verify -- --repair'],
    exitCodes: {
      0: 'no drift: the database is consistent',
      1: 'drift was found, whether it was repaired or not; or the message says what is wrong',
      69: 'the database cannot be reached or does not match this version, or the data folder is in use by another process',
      130: 'stopped by Ctrl-C',
    },
  },
  'api-keys': {
    examples: [
      'npm run api-keys -- create --name "nightly export" --scopes crm:read,crm:pii --expires 90d',
      'npm run api-keys -- create --name "phones of Ada" --scopes crm:read --owner QWdlbnQ6MQ --expires 2027-01-31',
      'npm run api-keys -- list',
      'npm run api-keys -- revoke 7',
    ],
    exitCodes: {
      0: 'the key was created or revoked, or the keys were listed',
      1: 'there is no such key, or the message says what is wrong',
      ...UNREACHABLE_OR_IN_USE,
    },
  },
  cache: {
    examples: [
      "npm run cache -- explain '{ customers(first: 3) { nodes { name } } }'",
      `npm run cache -- explain 'query Page($first: Int) { products(first: $first) { nodes { sku } } }' --variables '{"first": 3}' --json`,
      "npm run cache -- explain '{ customers(first: 3) { nodes { name } } }' --scopes crm:read,crm:pii",
    ],
    exitCodes: {
      0: 'the report was printed',
      1: 'the query cannot be executed, or the message says what is wrong',
      ...UNREACHABLE_OR_IN_USE,
      130: 'stopped by Ctrl-C',
    },
  },
  import: {
    examples: [
      'npm run import -- exports/northwind --mapping import/northwind.yaml',
      'npm run import -- exports --mapping acme.yaml --rejects exports/rejects',
    ],
    exitCodes: {
      0: 'every row was imported',
      1: 'some rows were rejected and the others imported; or the message says what is wrong',
      65: 'the mapping file is wrong, or does not fit the CSV files; nothing was written',
      66: 'the folder, the mapping file or a file that it names is missing; nothing was written',
      ...UNREACHABLE_OR_IN_USE,
      74: 'a file could not be read or written',
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
  const codes = Object.entries({ ...EVERYWHERE, ...help.exitCodes }).map(
    ([code, meaning]) => `  ${code.padEnd(3)}  ${meaning}`,
  );
  return ['', 'Examples:', ...help.examples.map((line) => `  ${line}`), '', 'Exit codes:', ...codes].join('\n');
}
