/** The maximum length of each text field of an agent, in characters, as in its column. */
export const AGENT_LENGTHS = { externalId: 64, name: 200 } as const;
