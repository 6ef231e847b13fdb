import type { ServerResponse } from 'node:http';

/** A `Vary` header's value: the names, after those that are set on the response already. */
export function varyBy(response: ServerResponse, names: string): string {
  const before = response.getHeader('vary');
  return before === undefined ? names : `${String(before)}, ${names}`;
}
