import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { indexesPage } from './indexes-page.ts';

/** `npm run docs:indexes`: regenerates docs/indexes.md. */
const page = join(import.meta.dirname, '../../docs/indexes.md');
writeFileSync(page, await format(indexesPage(), { ...(await resolveConfig(page)), parser: 'markdown' }));
