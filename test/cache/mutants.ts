/** A part of the cache that is switched off, in a gateway of its own process, by changing its source as it is loaded. */
interface Mutant {
  /** In src/cache. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export const MUTANTS = {
  /** What was read before a write is stored in Redis as if it were from after it. */
  'late in Redis': {
    file: 'lookups.ts',
    from: 'encodeStored({ ...computed, lifetimeMs, position })',
    to: 'encodeStored({ ...computed, lifetimeMs, position: log.newest() ?? position })',
  },
  /** The same in the memory of a gateway. */
  'late in memory': {
    file: 'near.ts',
    from: '...times, position,',
    to: '...times, position: log.newest() ?? position,',
  },
  /** A gateway answers from its memory although it may have missed a write. */
  'reader without lease': { file: 'near-lease.ts', from: 'isHeld: () =>', to: 'isHeld: () => true ||' },
  /** A mutation is answered before the others have read of it. */
  'writer without waiting': { file: 'near-acks.ts', from: 'settled() {', to: 'settled() {\nreturn Promise.resolve();' },
} as const satisfies Record<string, Mutant>;

export type MutantName = keyof typeof MUTANTS;

/** @throws Error when the source has changed, so that there is no longer exactly one place to change */
export function mutate(source: string, { file, from, to }: Mutant): string {
  const [before, after, ...more] = source.split(from);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`expected "${from}" once in src/cache/${file}`);
  return `${before}${to}${after}`;
}
