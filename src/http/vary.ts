import type { ServerResponse } from 'node:http';

/** The value of a `Vary` header: these names, appended to those already set on the response. */
export function varyBy(response: ServerResponse, names: string): string {
  const before = response.getHeader('vary');
  return before === undefined ? names : `${String(before)}, ${names}`;
}
