import { SCOPES } from '../../src/access/caller.ts';
import { NAMES } from '../../src/data/seed/names.ts';

/** What must be in no log and no metric. */
const PATTERNS: Readonly<Record<string, RegExp>> = {
  'an email address': /[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}/i,
  'a telephone number': /\+\d{8,15}\b/,
  'a token': /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+|\bBearer\s+[\w.~+/-]{8,}/i,
  'an API key': /\bconcierge_[A-Za-z\d]{40,}/,
  'a name': /\b(?:Ada (?:Lovelace|King)|Grace Hopper)\b/,
  variables: /"variables\\*":/,
  // Servers quote it: "Duplicate entry 'C-1001' for key ...", "Data too long for column", "Incorrect datetime value: '...'".
  'a value of the database': /Duplicate entry|Incorrect \w+ value/,
};

const wordsOf = (part: 'given' | 'family'): ReadonlySet<string> =>
  new Set(Object.values(NAMES).flatMap((list) => list[part].map(({ native }) => native)));
const GIVEN = wordsOf('given');
const FAMILY = wordsOf('family');
/** Not in Latin letters, a name is told from anything else that is logged by itself. */
const OTHER_SCRIPTS = /[^\p{Script=Latin}\p{Script=Common}\p{Script=Inherited}]/u;

/** What a text has of somebody's data, such as `an email address`; undefined if nothing is found. */
export function personalDataIn(text: string): string | undefined {
  const found = Object.entries(PATTERNS).find(([, pattern]) => pattern.test(text));
  if (found !== undefined) return found[0];
  if (OTHER_SCRIPTS.test(text)) return 'letters of names';
  const words = text.split(/[^\p{L}\p{M}'’-]+/u);
  return words.some((word, i) => GIVEN.has(word) && FAMILY.has(words[i + 1] ?? '')) ? 'a name' : undefined;
}

/** Strings that are long enough not to be in a log by chance. */
const LONG = 8;
/** `viewer` answers with them, and they are the same for everybody: logs may name them. */
const SCOPE_NAMES: ReadonlySet<unknown> = new Set(SCOPES);
/** As many as a test may remember. */
const MAX_VALUES = 2_000;

/** Headers that say who somebody is, or that nobody else has sent, and so are secrets or names. */
const TELLING_HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'idempotency-key']);
/**
 * Claims of a token that say who somebody is. Not `iss` and `aud`, which the log says when they are wrong, nor the names of scopes.
 */
const TELLING_CLAIMS: ReadonlySet<string> = new Set(['sub', 'email', 'name', 'jti']);

/** What was sent to a gateway and what it has answered, none of which its log may have. */
export interface ExchangedValues {
  /**
   * @param query a document, whose strings count, too; the names of operations do not, which logs are to tell
   */
  note(query: string, ...given: readonly unknown[]): void;
  /** Remembers the headers that are secrets, and who is named in a token. */
  noteHeaders(headers: Readonly<Record<string, string>>): void;
  /** The values that a text has. */
  in(text: string): string[];
}

/** What a token says of its caller, whether it is valid or not; empty for what is no token. */
function claimsIn(authorization: string): readonly unknown[] {
  const [, payload = ''] = authorization.split('.');
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    return Object.entries(claims ?? {}).flatMap(([name, value]) => (TELLING_CLAIMS.has(name) ? [value] : []));
  } catch {
    // Not a token.
    return [];
  }
}

export function rememberValues(): ExchangedValues {
  const values = new Set<string>();
  const add = (value: unknown): void => {
    if (values.size >= MAX_VALUES || SCOPE_NAMES.has(value)) return;
    if (typeof value === 'string' && value.trim().length >= LONG) values.add(value.trim());
    else if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) add(one);
  };
  return {
    note(query, ...given) {
      for (const [, text] of query.matchAll(/"([^"\\]*)"/g)) add(text);
      for (const one of given) add(one);
    },
    noteHeaders(headers) {
      for (const [name, value] of Object.entries(headers)) {
        if (!TELLING_HEADERS.has(name.toLowerCase())) continue;
        for (const word of value.split(/[\s;,]+/)) add(word);
        add(claimsIn(value));
      }
    },
    in: (text) => [...values].filter((value) => text.includes(value)),
  };
}
