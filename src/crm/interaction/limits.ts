/**
 * The most characters of each text of an interaction. Imports may use all that the body's column holds: 65,535 bytes, at up to
 * four per character.
 */
export const INTERACTION_LENGTHS = { externalId: 64, body: 10_000, importedBody: 16_383 } as const;
