import type { Problems } from './user-errors.ts';

/** What leaves no mark: white space, controls, and what Unicode has programs pass over, such as zero-width spaces. */
const INVISIBLE = /^[\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}]*$/u;

/**
 * A text without the white space around it; null for one that is refused with INVALID_INPUT: longer than `most`
 * characters, without any that shows, or with what is not text. Between others, invisible characters stay: joiners make
 * emoji of several, and Persian words.
 * @param path below `input`
 */
export function parseText(
  given: string,
  { path, most, problems }: { path: readonly (string | number)[]; most: number; problems: Problems },
): string | null {
  const text = given.trim();
  // MySQL's VARCHAR counts code points, JavaScript UTF-16 units.
  const length = [...text].length;
  const isText = text.isWellFormed() && !text.includes('\0');
  if (length >= 1 && length <= most && isText && !INVISIBLE.test(text)) return text;
  const came = length === 0 ? 'none' : length > most ? length : isText ? 'none that shows' : 'ones that are not text';
  problems.add('INVALID_INPUT', path, `Expected 1 to ${most} characters, got ${came}.`);
  return null;
}
