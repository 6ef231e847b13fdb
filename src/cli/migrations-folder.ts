import { fileURLToPath } from 'node:url';

/** The migrations that come with this version. */
export const migrationsFolder = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));
