import { CliError } from '../src/cli-error.ts';
import type { CaseName } from './cases.ts';

/** What clients must not look into, so another version may form it in another way. */
const OPAQUE = /\.(id|cursor|startCursor|endCursor)$/;

/**
 * Compares what two checkouts sent for the same case. Their data must be equal, except for texts that are opaque to clients.
 * @returns one line if something else differs, as that has to do with the cost; otherwise none
 * @throws CliError naming the first difference in the data
 */
export function responseNote(name: CaseName, before = '{}', after = '{}'): readonly string[] {
  const found = differences({ one: JSON.parse(before), other: JSON.parse(after), path: '' });
  const real = found.find(({ path, areTexts }) => path.startsWith('.data') && !(areTexts && OPAQUE.test(path)));
  if (real !== undefined)
    throw new CliError(`${name}: expected the same data from both checkouts, but ${real.path.slice(1)} differs`);
  const facts: string[] = [];
  const [first] = found;
  if (first !== undefined) facts.push(`values differ that clients must not look into, such as ${first.path.slice(1)}`);
  const [bytesBefore, bytesAfter] = [Buffer.byteLength(before), Buffer.byteLength(after)];
  if (bytesBefore !== bytesAfter) facts.push(`${bytesBefore} bytes before, ${bytesAfter} after`);
  return facts.length === 0 ? [] : [`Responses to ${name}: ${facts.join('; ')}.`];
}

interface Difference {
  /** Such as `.data.customers.nodes.0.id`. */
  readonly path: string;
  readonly areTexts: boolean;
}

function differences({ one, other, path }: { one: unknown; other: unknown; path: string }): readonly Difference[] {
  if (!isObject(one) || !isObject(other) || Array.isArray(one) !== Array.isArray(other))
    return one === other ? [] : [{ path, areTexts: typeof one === 'string' && typeof other === 'string' }];
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].flatMap((key) => differences({ one: one[key], other: other[key], path: `${path}.${key}` }));
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
