import { fileURLToPath } from 'node:url';

/** The migrations of this version. */
export const migrationsFolder = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));
