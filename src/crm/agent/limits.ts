/** The most characters of each text of an agent, as in its column. */
export const AGENT_LENGTHS = { externalId: 64, name: 200 } as const;
