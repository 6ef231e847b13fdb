import { fileURLToPath } from 'node:url';
import { defineConfig } from 'prisma/config';
import { prismaUrl } from './src/tls.ts';

// `prisma generate` checks that a schema engine exists but never runs it. Its download host cannot be reached from
// many company networks, so name a file that is there. `migrate` does run the engine and is left alone.
if (process.argv.includes('generate')) process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= fileURLToPath(import.meta.url);

const { DATABASE_URL = '' } = process.env;

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: DATABASE_URL && prismaUrl(DATABASE_URL) },
});
