import type { Problems } from './user-errors.ts';

/** Whether it is ASCII without controls. */
export const isAscii = (text: string): boolean => /^[\t\n\r\u0020-\u007e]*$/.test(text);

/**
 * What nobody sees and what carries no meaning: marks and overrides of direction, zero-width spaces, word joiners, byte
 * order marks, soft hyphens, invisible operators, fillers, anchors of annotations.
 */
const MEANINGLESS =
  /[\u034f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e001f}\u{e0080}-\u{e00ff}\u{e01f0}-\u{e0fff}]/gu;

/** Joiners, which make words of Persian and emoji of several; tags, which make flags; variation selectors. */
const CONTEXTUAL =
  /[\u200c\u200d]+|[\u{e0020}-\u{e007f}]+|(?:[\u180b-\u180d\u180f]|[\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}])+/gu;

const VARIATION = /^[\u180b-\u180d\u180f]$|^[\ufe00-\ufe0f]$|^[\u{e0100}-\u{e01ef}]$/u;
const JOINER = /^[\u200c\u200d]$/u;
const JOINED = /^[\p{L}\p{M}\p{N}\p{Extended_Pictographic}\p{Emoji_Modifier}]$/u;
/** After these a joiner shapes the letter before it, also at the end of a word. */
const VIRAMA = /^[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u1039\u103a\u17d2]$/u;
const BLACK_FLAG = '\u{1f3f4}';
const SHOWS = /^[^\p{White_Space}\p{C}]$/u;

/** What is no text: controls but for tabs and line breaks, halves of characters, and what Unicode keeps free for programs. */
const NOT_TEXT = /[\p{Cs}\p{Noncharacter_Code_Point}]|(?![\t\n\r])\p{Cc}/u;

/** What leaves no mark: white space, controls, and what Unicode has programs pass over, such as zero-width spaces. */
const INVISIBLE = /^[\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}\u2800]*$/u;

/**
 * A text as it is kept and looked for: in Unicode's normal form C, without invisible characters that mean nothing where
 * they stand. Joiners stay within words and emoji, variation selectors behind what they vary. Doing it twice changes
 * nothing. What is no text at all stays for `isText` to tell.
 */
export function normaliseText(given: string): string {
  if (isAscii(given)) return given;
  let text = given
    .replace(MEANINGLESS, '')
    .replaceAll(/[\u2028\u2029]/g, '\n')
    .normalize('NFC');
  for (let passes = 0; passes < MOST_PASSES; passes += 1) {
    // What stood between may have kept a letter and its accent apart, or marks from their order.
    const kept = withoutStrays(text).normalize('NFC');
    // Of nothing but invisible characters, all stay: whoever refuses them says that there were some.
    if (kept.trim() === '') return given.normalize('NFC');
    if (kept === text) return text;
    text = kept;
  }
  return text.replace(CONTEXTUAL, '').normalize('NFC');
}

// Texts that people write need two: one that changes something, and one that finds nothing more.
const MOST_PASSES = 5;

/** Without the joiners, variation selectors and tags that stand where they mean nothing. */
function withoutStrays(text: string): string {
  return text.replace(CONTEXTUAL, (run: string, at: number) => {
    // No more than the neighbours: looking for the end of a long text at each would take the square of its length.
    const before = Array.from(text.slice(Math.max(0, at - 6), at));
    const [first = ''] = run.slice(0, 2);
    if (JOINER.test(first)) {
      const base = before.findLast((character) => !VARIATION.test(character)) ?? '';
      const [after = ''] = text.slice(at + run.length, at + run.length + 2);
      return (JOINED.test(base) && JOINED.test(after) && !VARIATION.test(after)) || VIRAMA.test(base) ? first : '';
    }
    const previous = before.at(-1) ?? '';
    if (VARIATION.test(first)) return SHOWS.test(previous) ? first : '';
    return previous === BLACK_FLAG ? run : '';
  });
}

/** Whether it is text throughout: no controls but tabs and line breaks, no halves of characters, no noncharacters. */
export const isText = (given: string): boolean => !NOT_TEXT.test(given);

/** Whether there is anything to see of it. */
export const shows = (given: string): boolean => !INVISIBLE.test(given);

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
  const isWhole = isText(text);
  if (length >= 1 && length <= most && isWhole && shows(text)) return text;
  const came = length === 0 ? 'none' : length > most ? length : isWhole ? 'none that shows' : 'ones that are not text';
  problems.add('INVALID_INPUT', path, `Expected 1 to ${most} characters, got ${came}.`);
  return null;
}
