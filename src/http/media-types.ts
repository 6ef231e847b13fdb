export const JSON_TYPE = 'application/json';
export const RESPONSE_TYPE = 'application/graphql-response+json';

/** The media type of the answer, by the request's `Accept`; undefined when the caller accepts neither. */
export function negotiate(accept: string | undefined): typeof JSON_TYPE | typeof RESPONSE_TYPE | undefined {
  if (!accept || accept === JSON_TYPE) return JSON_TYPE;
  const weights = parseAccept(accept);
  const any = weightOfAny(weights);
  const [json, response] = [weights.get(JSON_TYPE) ?? any, weights.get(RESPONSE_TYPE)];
  // A caller that does not name the newer type may not support it.
  if (response !== undefined && response > 0 && response >= json) return RESPONSE_TYPE;
  if (json > 0) return JSON_TYPE;
  return (response ?? any) > 0 ? RESPONSE_TYPE : undefined;
}

/** Whether the caller names HTML and prefers it to JSON. */
export function prefersPage(accept: string | undefined): boolean {
  if (accept?.includes('text/html') !== true) return false;
  const weights = parseAccept(accept);
  const weight = weights.get('text/html') ?? 0;
  return weight > jsonWeight(weights);
}

/**
 * Whether the caller accepts an event stream: not at all, besides JSON, or nothing else. Only if named explicitly, since most
 * callers that accept anything could not handle one. urql lists all types even for queries.
 */
export function wantOfEvents(accept: string | undefined): 'none' | 'some' | 'only' {
  if (accept?.includes('text/event-stream') !== true) return 'none';
  const weights = parseAccept(accept);
  const weight = weights.get('text/event-stream') ?? 0;
  return weight === 0 ? 'none' : jsonWeight(weights) === 0 ? 'only' : 'some';
}

function jsonWeight(weights: ReadonlyMap<string, number>): number {
  const any = weightOfAny(weights);
  return Math.max(weights.get(JSON_TYPE) ?? any, weights.get(RESPONSE_TYPE) ?? any);
}

const weightOfAny = (weights: ReadonlyMap<string, number>): number =>
  weights.get('application/*') ?? weights.get('*/*') ?? 0;

/** Media types with their weights (`q`), 0 for one that is refused. Types with a charset other than UTF-8 are left out. */
function parseAccept(accept: string): ReadonlyMap<string, number> {
  const ranges = accept.split(',').map((part) => part.split(';').map((piece) => piece.trim().toLowerCase()));
  return new Map(
    ranges
      .filter(([, ...parameters]) =>
        parameters.every((parameter) => !parameter.startsWith('charset=') || /^charset="?utf-8"?$/.test(parameter)),
      )
      .map(([type = '', ...parameters]) => {
        const weight = Number(/^q=([01](?:\.\d*)?)$/m.exec(parameters.join('\n'))?.[1] ?? 1);
        return [type, weight];
      }),
  );
}
