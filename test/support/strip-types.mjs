import { stripTypeScriptTypes } from 'node:module';

// The same as what `node src/main.ts` does: types become blanks, so lines and columns stay.
export default {
  process: (source, path) => ({ code: stripTypeScriptTypes(source, { sourceUrl: path }) }),
};
