// Preloaded into a gateway's process: `?NAME` after this file's URL says which mutant it becomes.
import { registerHooks } from 'node:module';
import { MUTANTS, mutate, type MutantName } from './mutants.ts';

const mutant = MUTANTS[decodeURIComponent(new URL(import.meta.url).search.slice(1)) as MutantName];
const target = new URL(`../../src/cache/${mutant.file}`, import.meta.url).href;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== target) return loaded;
    const { source } = loaded;
    return {
      ...loaded,
      source: mutate(typeof source === 'string' ? source : Buffer.from(source as Uint8Array).toString(), mutant),
    };
  },
});
