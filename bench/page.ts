import { cpus, totalmem } from 'node:os';

/** How a table was measured. */
export interface Origin {
  readonly databaseVersion: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
}

/** The page `docs/benchmarks.md` with a table. */
export function pageOf(table: string, origin: Origin): string {
  const { databaseVersion, rounds, seconds, connections } = origin;
  const [cpu] = cpus();
  const gigabytes = (totalmem() / 2 ** 30).toFixed(0);
  return `# Benchmarks

Written by \`npm run bench -- --write\` on ${new Date().toISOString().slice(0, 10)}; \`npm run bench\` prints the same anew.

- Machine: ${cpu?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${gigabytes} GB of memory. Everything runs on it: load generator, server under test,
  database, Redis. So the figures are low, and only those of one run may be compared.
- Node ${process.version.slice(1)}, ${databaseVersion}, the embedded Redis; 5,000 seeded customers and two groups of 20.
- ${connections} connections, each with one request at a time; ${rounds} rounds of ${seconds} s for each line, after three to warm up, in turn; medians.

## What is asked

**L** is a list of 50 customers with five fields, **LI** the same with a condition on a fragment; **N10** and **N200** are 20 customers with their 10 newest orders, of
10 and of 200 orders each. Every server gets the same requests by POST and gives the same answer, which is checked
before anything is measured.

- *Uncached*: every request has a bound that was never asked before (\`createdAt: { to: … }\`), so nothing repeats. With
  the cache on that is a miss: look-up, execution, and storing the answer in Redis.
- *Cached*: the same request again and again.
- SQL statements are SELECTs as the database server counts them; a line that takes more or fewer than it should fails
  the run.
- CPU is that of the server's own process.

## What it is measured against

- *The Prisma driver adapter call that the gateway makes*, with the adapter's defaults, is what the bound of 0.8 for the
  list is held against: bare node:http, the same statement
  with the same columns and the same 51 rows through \`queryRaw\` of \`@prisma/adapter-mariadb\`, rows turned into the same
  objects, \`JSON.stringify\`. The pool is a plain one of 10 that keeps prepared
  statements, and the driver set up as the adapter sets it up. The gateway reads through this call and not through Prisma Client (\`src/db/database.ts\`
  says why), so this is the harder of the two.
- *The same call through the gateway's own \`src/db\`* has no bound: it is the adapter's call with the driver set up as
  the gateway sets it up (it decodes rows by itself), and shows what is left of the gateway's own work. It is faster than
  the adapter with its defaults, so beside it the gateway's ratio is lower, and below 0.8: that is in the last table too.
- *Prisma Client \`findMany\`* is what one would write by hand: the same columns, order and limit. It has no form for the
  first rows of each of many parents that would not read all of them, so it makes one call a parent.
- *The same bytes* and *one ioredis GET* are the ceilings of an answer from memory and of one from Redis.

The ratios in the last table are medians over pairs of rounds that were run in the same turn. Those with a bound decide
the command's exit code.

## Results

${table}`;
}
