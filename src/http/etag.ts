/** Whether the header `If-None-Match` has this ETag, by weak comparison (RFC 9110, 13.1.2): proxies that compress weaken ETags. */
export const hasETag = (header: string | undefined, etag: string): boolean =>
  header !== undefined && (header.trim() === '*' || [...header.matchAll(/"[^"]*"/g)].some(([tag]) => tag === etag));
