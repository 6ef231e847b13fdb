/** A value that may be null or left out. */
export type Maybe<Value> = Value | null | undefined;

/** Whether a value is there: neither null nor missing. */
export const isGiven = <Value>(value: Maybe<Value>): value is Value => value !== null && value !== undefined;
