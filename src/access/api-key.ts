import { hash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Every API key begins with this, by which scanners for secrets find it. */
export const API_KEY_PREFIX = 'concierge_';

/** 256 random bits and a checksum, in hexadecimal digits. */
const API_KEY = /^concierge_([0-9a-f]{64})([0-9a-f]{8})$/;

const checksumOf = (secret: string): string => crc32(secret).toString(16).padStart(8, '0');

/** A new key, at random. */
export function makeApiKey(): string {
  const secret = randomBytes(32).toString('hex');
  return `${API_KEY_PREFIX}${secret}${checksumOf(secret)}`;
}

/** Whether a text has the form of a key and its checksum is right, so that it is worth looking up. */
export function isApiKey(text: string): boolean {
  const [, secret, checksum] = API_KEY.exec(text) ?? [];
  return secret !== undefined && checksumOf(secret) === checksum;
}

/**
 * What is stored of a key, in hexadecimal digits. A fast hash is right: nobody can try 2^256 keys, as they could try passwords, for
 * which hashes are slow. Looking up the hash takes no time that depends on how much of a wrong key is right.
 */
export const apiKeyHash = (key: string): string => hash('sha256', key, 'hex');
