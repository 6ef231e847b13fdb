import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { quoted } from './errors.ts';
import { listed, refuseValue } from './setting-kinds.ts';

/** The most characters of an id. */
export const LONGEST_DOCUMENT_ID = 1_000;

/** An id without the prefix for hashes, which is equally valid with it: `sha256:` (GraphQL over HTTP, persisted documents). */
export const bareDocumentId = (id: string): string => id.replace(/^sha256:/, '');

/** Texts of documents by id. */
export type TrustedDocuments = ReadonlyMap<string, string>;

const EXPECTED =
  'expected names of files with documents by id, as relay-compiler, graphql-codegen or Apollo write them';

/** What relay-compiler and graphql-codegen write: `{"id": "query ..."}`. */
const byId = z.record(z.string().min(1), z.string().min(1));

/** What Apollo's generate-persisted-query-manifest writes. */
const apollo = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  version: z.literal(1),
  operations: z.array(z.object({ id: z.string().min(1), body: z.string().min(1) })),
});

/** The names of files, comma-separated, whose documents may be executed. The messages contain no document. */
export const trustedDocuments = z
  .string()
  .optional()
  .transform((text, ctx): TrustedDocuments => {
    const files = listed(text);
    if (files === undefined) return refuseValue(ctx, `${EXPECTED}, got only commas`);
    const all = new Map<string, string>();
    for (const file of files)
      for (const [given, document] of documentsIn(file, ctx)) {
        const id = bareDocumentId(given);
        if (id.length > LONGEST_DOCUMENT_ID)
          refuseValue(ctx, `${EXPECTED}, got an id of more than ${LONGEST_DOCUMENT_ID} characters in ${quoted(file)}`);
        if ((all.get(id) ?? document) !== document)
          refuseValue(ctx, `${EXPECTED}, got two documents with the id ${quoted(id)}, the second in ${quoted(file)}`);
        all.set(id, document);
      }
    return all;
  });

function documentsIn(file: string, ctx: z.RefinementCtx): readonly (readonly [string, string])[] {
  const refuse = (what: string): [] => {
    refuseValue(ctx, `${EXPECTED}, got ${quoted(file)}, ${what}`);
    return [];
  };
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return refuse('which is not JSON');
    return refuse(`which cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  const documents = entriesOf(json);
  if (documents === undefined) return refuse(`which is ${formOf(json)}`);
  return documents.length > 0 ? documents : refuse('which has no documents');
}

/** Undefined for another form. */
function entriesOf(json: unknown): readonly (readonly [string, string])[] | undefined {
  const manifest = apollo.safeParse(json);
  if (manifest.success) return manifest.data.operations.map(({ id, body }) => [id, body]);
  const map = byId.safeParse(json);
  return map.success && !('format' in map.data) ? Object.entries(map.data) : undefined;
}

/** What a file holds that has another form; nothing of its documents. */
function formOf(json: unknown): string {
  if (Array.isArray(json)) return 'an array';
  if (json === null) return 'null';
  if (typeof json !== 'object') return `a ${typeof json}`;
  if ('format' in json || 'operations' in json) {
    const place = apollo.safeParse(json).error?.issues[0]?.path.map(String).join('.');
    return `a manifest of Apollo's with a wrong ${quoted(place)}`;
  }
  const wrong = Object.entries(json).find(([id, text]) => id === '' || typeof text !== 'string' || text === '');
  return `an object without a document at ${quoted(wrong?.[0])}`;
}

/** What is wrong with the settings of trusted documents together: one line for each problem. */
export function documentsProblems(env: Readonly<Record<string, string | undefined>>): string[] {
  if (!env['TRUSTED_DOCUMENTS_MODE'] || env['TRUSTED_DOCUMENTS']) return [];
  return ['TRUSTED_DOCUMENTS_MODE: expected TRUSTED_DOCUMENTS with it, got none'];
}
