import { hash } from 'node:crypto';

/** The encodings in which content is sent, best first. */
export const ENCODINGS = ['br', 'gzip', 'identity'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** Content as the bytes that are sent. */
export interface Representation {
  readonly encoding: Encoding;
  readonly bytes: Buffer;
  /** Strong, with its quotes (RFC 9110, 8.8.3). */
  readonly etag: string;
}

/**
 * A representation with the ETag of its bytes. The ETag is not one of the content: compressed elsewhere, by another version of
 * Node.js, the same content may have other bytes, and a strong ETag must tell them apart.
 */
export const createRepresentation = (encoding: Encoding, bytes: Buffer): Representation => ({
  encoding,
  bytes,
  etag: `"${hash('sha256', bytes, 'base64url')}"`,
});
