import { z } from 'zod';
import { quoted } from '../../errors.ts';
import { isGiven } from '../../given.ts';

const KINDS: Readonly<Record<string, string>> = {
  object: 'names with values',
  record: 'names with values',
  array: 'a list',
  string: 'a text',
};

/** Describes a problem in terms of mapping files. */
export function inWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'unrecognized_keys': {
      const { inst } = issue;
      const known = inst instanceof z.ZodObject ? Object.keys(inst.shape) : [];
      const said = issue.keys.map((key) => `"${key}"`).join(', ');
      return `${said} is not known here; expected some of ${known.join(', ')}`;
    }
    case 'invalid_type':
      return issue.input === undefined
        ? 'expected a value, got none: it is required'
        : `expected ${KINDS[issue.expected] ?? issue.expected}, got ${cameAs(issue.input)}`;
    case 'invalid_value':
      return `expected one of ${issue.values.map(String).join(', ')}; got ${cameAs(issue.input)}`;
    case 'invalid_union': {
      const options = issue.inst instanceof z.ZodUnion ? (issue.inst.options as readonly z.ZodType[]) : [];
      const kinds = options.map(({ type }) => KINDS[type] ?? type).filter((kind) => kind !== 'null');
      return `expected ${kinds.join(' or ')}, got ${cameAs(issue.input)}`;
    }
    case 'too_big':
      return `expected at most ${issue.maximum} ${issue.origin === 'string' ? 'characters' : 'items'}, got ${cameAs(issue.input)}`;
    case 'too_small':
      return `expected at least ${issue.minimum} ${issue.origin === 'string' ? 'characters' : 'items'}, got ${cameAs(issue.input)}`;
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_key':
    case 'not_multiple_of':
    default:
      return undefined;
  }
}

function cameAs(input: unknown): string {
  if (!isGiven(input) || input === '') return 'nothing';
  if (Array.isArray(input)) return 'a list';
  return typeof input === 'object' ? 'names with values' : quoted(input);
}
