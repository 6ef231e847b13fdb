import { cpus, totalmem } from 'node:os';

/** What a page says about how its tables were measured. */
export interface Origin {
  readonly databaseVersion: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
}

/** What figures were measured on. */
export function machine(): string {
  const [cpu] = cpus();
  return `${cpu?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GB of memory`;
}

/** The page `docs/benchmarks.md` with these tables. */
export function pageOf(table: string, origin: Origin): string {
  const { databaseVersion, rounds, seconds, connections } = origin;
  return `# Benchmarks

Written by \`npm run bench -- --write\` on ${new Date().toISOString().slice(0, 10)}; \`npm run bench\` measures again and prints the tables.

- Machine: ${machine()}. Everything runs on it: load generator, server under test,
  database, Redis. So the figures are low, and comparable only within one run.
- Node ${process.version.slice(1)}, ${databaseVersion}, the embedded Redis; 5,000 seeded customers and two groups of 20.
- ${connections} connections, each with one request at a time; ${rounds} rounds of ${seconds} s per line, in turn, after three to warm up. Figures are
  medians over the rounds.

## Cases

| case | what is queried |
| --- | --- |
| L | a list of 50 customers, with five fields each |
| LI | the same, with the fields in a fragment under \`@include\` |
| N10 | 20 customers with their 10 newest orders, where each customer has 10 orders |
| N200 | 20 customers with their 10 newest orders, where each customer has 200 orders |

Every server gets the same requests by POST and sends the same responses, which is checked before anything is measured.

- *Cache hit*: the same request is repeated, byte for byte, so that it is not parsed (with *a header of its own* each one is), and
  each response comes from the gateway's memory; without that (\`CACHE_NEAR_BYTES=0\`),
  from Redis.
- *Cache miss*: every request has a new filter value (\`createdAt: { to: … }\`), so each is looked up in Redis, executed, and its
  response stored in Redis.
- *Cache disabled*: as with cache misses, but without Redis (\`CACHE_ENABLED=false\`).
- SELECTs are counted by the database server; the run fails if a line has more or fewer than expected.
- CPU time is that of the server's own process.

## Baselines

The gateway is compared with plain node:http servers, which have no GraphQL and do only what is needed for the response.

- *Gateway's SQL by Prisma's driver adapter* is what the gateway must reach 0.8 of, for L. It sends the same statement through
  \`queryRaw\` of \`@prisma/adapter-mariadb\`, turns the same 51 rows into the same objects, and serialises them. It has a pool of 10
  connections with prepared statements, and the adapter's own settings for the driver. The gateway reads in the same way and not
  through Prisma Client ([why](decisions.md)), so this is harder to reach than Prisma Client.
- *Gateway's SQL by \`src/db\`* is the same with the gateway's settings for the driver, with which the driver decodes rows by itself
  and is faster. So the difference to the gateway is what GraphQL, limits and caching cost. The ratio has no minimum.
- *Prisma Client \`findMany\`* is the code that one would usually write: the same columns, order and limit. It cannot load the first
  rows for each of many parents without reading all of them, so it makes one call per parent.
- *Response kept in memory* and *response read from Redis* are the upper limits: the cost of Node's HTTP server alone, which reads
  the request to its end, and with one \`GET\` to Redis. A hit in memory must reach 0.7 of the first, and its 99th percentile be at
  most twice as high; a hit in Redis must reach 0.8 of the second, and its 99th percentile likewise.
  With a token, a hit must reach 0.9 of one without.
- A miss may take a tenth more CPU time than the same request with the cache disabled.

The ratios in the last table are medians over pairs of rounds that ran one after the other. If one is below its minimum, the
command fails.

## Comparing two versions

\`--beside\` measures the gateway of another checkout of this repository together with this one's, to see whether a change made
anything slower. Any folder will do that holds the version from before the change, and its packages:

\`\`\`sh
git worktree add --detach ../before main
(cd ../before && npm ci)
npm run bench -- --beside ../before --rounds 15
\`\`\`

Both use the same database and the same Redis, with different prefixes for their keys. Each runs its own code, on its own Node.
Each line of one is measured next to the same line of the other, and which of them goes first changes with every round. Their
responses must have the same data; if only ids or the length differ, the output says so.

The ratio of a line is the median over the pairs of rounds. The command fails if the whole 95 % confidence interval of a ratio is
below 0.97. A ratio that is below it while its interval is not is reported, but may be chance. An interval takes six rounds.

## Results

${table}`;
}
