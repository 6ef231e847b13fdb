/**
 * The maximum length of each text field of an interaction, in characters. Imports may fill the body's column completely: it
 * holds 65,535 bytes, at up to four per character.
 */
export const INTERACTION_LENGTHS = { externalId: 64, body: 10_000, importedBody: 16_383 } as const;
