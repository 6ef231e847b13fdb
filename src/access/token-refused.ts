/** Of a token. Longer ones are refused before any cryptography. */
export const MAX_TOKEN_CHARACTERS = 8_192;

/** Why a token is refused, worded to follow "Expected a valid bearer token, got". Says nothing else about the token or the key. */
export const REFUSALS = {
  malformed: 'something that is not a signed JWT',
  long: `one of more than ${MAX_TOKEN_CHARACTERS} characters`,
  algorithm: 'one that is signed with an algorithm that is not allowed',
  signature: 'one whose signature does not match any known key',
  expired: 'one that has expired',
  early: 'one that is not valid yet',
  issuer: 'one from another issuer',
  audience: 'one for another audience',
  exp: 'one without "exp", or with one that is not a number',
  sub: 'one with a "sub" that is not a text of 1 to 200 characters, without spaces around it or control characters in it, that does not begin with "api-key:"',
  scope: 'one with a "scope" that is not a text, with spaces between the names of scopes',
  claims: 'one with a claim of the wrong form',
  owner: 'one with a claim "owner" that is not the id of an agent, as the schema shows it',
  ownerMissing: 'one without the claim "owner", which this gateway requires',
  keysOff: 'an API key, where API keys are not accepted',
  notKey: 'something that is not an API key',
  keyMalformed: 'an API key that is misspelt or cut off',
  keyUnknown: 'an API key that does not exist',
  keyRevoked: 'an API key that is revoked',
  keyExpired: 'an API key that has expired',
} as const;

export type Refusal = keyof typeof REFUSALS;

/** What whoever makes up tokens or keys is told; all others had credentials once, or have them for something else. */
const OF_GUESSES: ReadonlySet<Refusal> = new Set<Refusal>([
  'malformed',
  'long',
  'algorithm',
  'signature',
  'keysOff',
  'notKey',
  'keyMalformed',
  'keyUnknown',
]);

/** What the operator is told besides the reason, and the client is not. */
export interface RefusalDetails {
  readonly expected?: string;
  readonly got?: string;
  readonly keyId?: string;
}

/** A token is not accepted. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
  readonly reason: Refusal;
  /** Whether it may be a guess: nobody has signed it for anybody, as far as this gateway can tell. */
  readonly isGuess: boolean;
  /** For the log. */
  readonly details: (() => RefusalDetails) | undefined;
  constructor(
    reason: Refusal,
    { details, ...options }: ErrorOptions & { details?: (() => RefusalDetails) | undefined } = {},
  ) {
    super(`Expected a valid bearer token, got ${REFUSALS[reason]}.`, options);
    this.reason = reason;
    this.details = details;
    this.isGuess = OF_GUESSES.has(reason);
  }
}
