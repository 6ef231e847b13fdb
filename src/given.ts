/** A value that may be null or left out. */
export type Maybe<Value> = Value | null | undefined;

/** Whether a value was given: neither null nor undefined. */
export const isGiven = <Value>(value: Maybe<Value>): value is Value => value !== null && value !== undefined;
