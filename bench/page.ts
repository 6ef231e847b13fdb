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

Written by \`npm run bench -- --write\` on ${new Date().toISOString().slice(0, 10)}; \`npm run bench\` measures again and prints the same.

- Machine: ${cpu?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${gigabytes} GB of memory. Everything runs on it: load generator, server under test,
  database, Redis. So the figures are low, and comparable only within one run.
- Node ${process.version.slice(1)}, ${databaseVersion}, the embedded Redis; 5,000 seeded customers and two groups of 20.
- ${connections} connections, each with one request at a time; ${rounds} rounds of ${seconds} s per line, in turn, after three to warm up; medians.

## Requests

**L** is a list of 50 customers with five fields, **LI** the same with a condition on a fragment. **N10** and **N200** are 20
customers with their 10 newest orders, out of 10 and 200 orders each. Every server gets the same requests by POST and gives the
same answer, which is checked before anything is measured.

- *Uncached*: every request has a new filter value (\`createdAt: { to: … }\`), so nothing repeats. With the cache on, each is a
  miss: look-up, execution, and storing the answer in Redis.
- *Cached*: the same request again and again.
- SQL statements are SELECTs as counted by the database server; a line with more or fewer than expected fails the run.
- CPU is the CPU time of the server's own process.

## Baselines

- *The Prisma driver adapter call that the gateway makes*, with the adapter's defaults, is the baseline for the minimum ratio of
  0.8 for the list: bare node:http, the same statement with the same columns and the same 51 rows through \`queryRaw\` of
  \`@prisma/adapter-mariadb\`, rows turned into the same objects, \`JSON.stringify\`. It has a plain pool of 10 connections that keeps
  prepared statements, and the driver is configured as the adapter does it. The gateway reads through this call and not through
  Prisma Client (\`src/db/database.ts\` says why), so this is the harder of the two baselines.
- *The same call through the gateway's own \`src/db\`* has no minimum. It is the adapter's call with the driver configured as the
  gateway does it (the driver decodes rows by itself), so the difference is the gateway's own work. It is faster than the adapter
  with its defaults, so the gateway's ratio to it is lower, and below 0.8: it is in the last table too.
- *Prisma Client \`findMany\`* is what one would write by hand: the same columns, order and limit. It cannot load the first rows
  for each of many parents without reading all of them, so it makes one call per parent.
- *The same bytes* and *one ioredis GET* are the upper limits for an answer from memory and for one from Redis.

The ratios in the last table are medians over pairs of rounds from the same turn. Those with a minimum decide the command's exit
code.

## Results

${table}`;
}
