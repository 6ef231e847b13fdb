import leven from 'leven';

/** Other programs also use names with DATABASE_, REDIS_, LOG_ and DATA_, so of those only near misses of ours count. */
const OWN_NAME = /^(?:AUTH|LIMIT|CACHE|CORS)_|^(?:DATABASE_(?:UR|REPLICA)|REDIS_UR|LOG_LE?V|DATA_?DIR)|^WORKERS$/i;

const MAX_MISTYPED = 3;

/** Ignores case and underscores, so that `databaseUrl` and `LOGLEVEL` are near misses too. */
const bare = (name: string): string => name.toUpperCase().replaceAll('_', '');

/**
 * Whether a name is most likely a mistyped setting of ours. Short names such as HOST are too close to others.
 * @param names of all settings
 */
export function isOurs(name: string, names: readonly string[]): boolean {
  if (OWN_NAME.test(name)) return true;
  return names.some((known) => {
    const [one, other] = [bare(name), bare(known)];
    return known.length >= 8 && leven(one, other, { maxDistance: 3 }) <= (other.length > 10 ? 2 : 1);
  });
}

/** `; did you mean DATABASE_URL?` for an unknown name; empty if none of ours is similar. */
export function suggestion(name: string, names: readonly string[]): string {
  const [whole, ...others] = names.filter((known) => bare(known).startsWith(bare(name)));
  if (whole !== undefined && others.length === 0) return `; did you mean ${whole}?`;
  const distanceTo = (known: string): number => leven(bare(name), bare(known), { maxDistance: MAX_MISTYPED + 1 });
  const [nearest] = names.toSorted((one, other) => distanceTo(one) - distanceTo(other));
  if (nearest !== undefined && distanceTo(nearest) <= MAX_MISTYPED) return `; did you mean ${nearest}?`;
  const begun = names.find((known) => bare(name).startsWith(bare(known)));
  return begun === undefined ? '' : `; did you mean ${begun}?`;
}
