import { refuse } from './user-errors.ts';

/** For each state, those that it can change to; a final state has none. Keep the descriptions in `schema.graphql` in step. */
export type Transitions<State extends string> = Readonly<Record<State, readonly State[]>>;

/** Refuses (INVALID_TRANSITION) a change to a state that cannot follow. Keeping a state is not a change: do not ask then. */
export function assertTransition<State extends string>(transitions: Transitions<State>, from: State, to: State): void {
  const allowed = transitions[from];
  if (allowed.includes(to)) return;
  const expected =
    allowed.length === 0 ? `no change of ${from}, which is final` : `${allowed.join(' or ')} after ${from}`;
  refuse('INVALID_TRANSITION', ['status'], `Expected ${expected}, got ${to}.`);
}
