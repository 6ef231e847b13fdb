import { phoneStarts, writtenDigits } from '../../phones.ts';
import { TERM_KINDS } from './terms.ts';

/** What a text to search for means. */
export interface Search {
  /** The column that the best matches begin in. */
  readonly column: 'name' | 'email' | 'phone';
  /** What they begin with: one of these. None begins with another. */
  readonly starts: readonly string[];
  /** What the other matches have further inside, and where they may have it, the best places first. */
  readonly inside: { readonly text: string; readonly kinds: readonly number[] } | undefined;
  /** If there are several, a name with all of these in any order matches, too, but after all others. */
  readonly words: readonly string[];
}

/**
 * Decides what a text is part of: the email if it has an `@`; the phone if it has at least four digits and only characters of
 * telephone numbers; otherwise the name.
 * @param text trimmed, with at least one character that counts
 */
export function parseSearch(text: string): Search {
  if (text.includes('@')) {
    // Not toLowerCase, which turns some other characters into ASCII letters, such as the Kelvin sign.
    const start = text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
    return { column: 'email', starts: [start], inside: undefined, words: [] };
  }
  const phones = phoneStarts(text);
  if (phones !== undefined) {
    const digits = writtenDigits(text);
    // With a plus sign, they are the start of the number.
    const inside = digits.startsWith('+') ? undefined : { text: digits, kinds: [TERM_KINDS.phone] };
    return { column: 'phone', starts: phones, inside, words: [] };
  }
  const words = [...new Set(text.split(/\s+/))];
  return {
    column: 'name',
    starts: [text],
    inside: { text, kinds: [TERM_KINDS.wordStart, TERM_KINDS.insideWord] },
    words: words.length > 1 ? words : [],
  };
}
