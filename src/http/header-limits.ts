/** How many bytes the address and the headers of a request may have together. */
export const MAX_HEADER_BYTES = 16_384;
/** How many headers a request may have. Browsers send about 20, and proxies add a few. */
export const MAX_HEADERS = 100;
