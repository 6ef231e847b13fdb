import { createApp } from '../../src/app.ts';
import { parseConfig } from '../../src/config.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { announce, settings } from './serve.ts';

// The gateway as run by `npm start`, with the default settings but those of the cache. Of two checkouts, one has a prefix of its own for its cache.
const { databaseUrl, redisUrl } = settings();
const config = parseConfig({
  PORT: '0',
  DATABASE_URL: databaseUrl,
  REDIS_URL: redisUrl,
  CACHE_ENABLED: process.env['CACHE_ENABLED'],
  CACHE_NEAR_BYTES: process.env['CACHE_NEAR_BYTES'],
  CACHE_PREFIX: process.env['CACHE_PREFIX'],
  AUTH_JWT_SECRET: process.env['AUTH_JWT_SECRET'],
  AUTH_JWT_ISSUER: process.env['AUTH_JWT_ISSUER'],
  AUTH_JWT_AUDIENCE: process.env['AUTH_JWT_AUDIENCE'],
  // One client sends everything.
  LIMIT_COST_PER_MINUTE: '1000000000',
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('LIMIT_'))),
});
const log = createLog({ level: config.logLevel, readable: false, destination: process.stderr });
const app = await createApp({ ...config, databaseUrl }, { log });

announce(await app.listen());
