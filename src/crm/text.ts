import { quoted } from '../errors.ts';
import { isGiven, type Maybe } from '../given.ts';
import type { Problems } from './user-errors.ts';

/** Whether a text is ASCII without control characters, except tabs and line breaks. */
export const isAscii = (text: string): boolean => /^[\t\n\r\u0020-\u007e]*$/.test(text);

/**
 * Invisible characters without meaning: direction marks and overrides, zero-width spaces, word joiners, byte order marks, soft
 * hyphens, invisible operators, fillers, annotation anchors.
 */
const MEANINGLESS =
  /[\u034f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e001f}\u{e0080}-\u{e00ff}\u{e01f0}-\u{e0fff}]/gu;

/** Joiners, used in Persian words and combined emoji; tags, used in flags; variation selectors. */
const CONTEXTUAL =
  /[\u200c\u200d]+|[\u{e0020}-\u{e007f}]+|(?:[\u180b-\u180d\u180f]|[\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}])+/gu;

const VARIATION = /^[\u180b-\u180d\u180f]$|^[\ufe00-\ufe0f]$|^[\u{e0100}-\u{e01ef}]$/u;
const JOINER = /^[\u200c\u200d]$/u;
const JOINED = /^[\p{L}\p{M}\p{N}\p{Extended_Pictographic}\p{Emoji_Modifier}]$/u;
/** Viramas: a joiner after one of them shapes the letter before it, even at the end of a word. */
const VIRAMA = /^[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u1039\u103a\u17d2]$/u;
/** Letters that join their neighbours, where the same holds: an Arabic heh with a joiner abbreviates the Hijri era. */
const JOINING =
  /^[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mandaic}\p{Script=Nko}\p{Script=Mongolian}\p{Script=Phags_Pa}\p{Script=Adlam}\p{Script=Hanifi_Rohingya}\p{Script=Manichaean}\p{Script=Psalter_Pahlavi}\p{Script=Sogdian}\p{Script=Old_Uyghur}]$/u;
const BLACK_FLAG = '\u{1f3f4}';
const SHOWS = /^[^\p{White_Space}\p{C}]$/u;

/**
 * More marks on one character than any language or joke has, even where each stands for two (as in Unicode's Stream-Safe Text Format,
 * UAX #15). Putting so many in order takes a time that grows with the square of their number.
 */
const ENDLESS_MARKS = /\p{M}{31}/u;

/** Code points that are not text: controls other than tabs and line breaks, lone surrogates, and noncharacters. */
const NOT_TEXT = /[\p{Cs}\p{Noncharacter_Code_Point}]|(?![\t\n\r])\p{Cc}/u;

/**
 * Matches text that is invisible: white space, controls, default-ignorable characters such as zero-width spaces, blank braille.
 */
const INVISIBLE = /^[\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}\u2800]*$/u;

/**
 * Normalises text for storing and searching: Unicode's form C, a vowel of Thai and Lao in one character, and no invisible
 * characters that have no meaning where they are. Joiners stay within words and emoji, variation selectors after what they
 * vary. Idempotent. Detecting what is not text at all, and is returned as it is, is left to `isText`.
 */
export function normaliseText(given: string): string {
  if (isAscii(given)) return given;
  let text = composed(given.replace(MEANINGLESS, '').replaceAll(/[\u2028\u2029]/g, '\n'));
  for (let passes = 0; passes < MAX_PASSES; passes += 1) {
    // A removed character may have separated a letter from its accent, or kept marks out of order.
    const kept = composed(withoutStrays(text));
    // If nothing else is left, all invisible characters are kept, so that whoever refuses the text can say what it contains.
    if (kept.trim() === '') return formC(given);
    if (kept === text) return text;
    text = kept;
  }
  return composed(text.replace(CONTEXTUAL, ''));
}

/**
 * Form C, plus a composition that it lacks: a vowel of Thai and Lao that was typed as a circle and a stroke, with a tone mark
 * before, between or after them, becomes the one character that it looks like and is always meant (Unicode, chapter 16.1).
 */
const composed = (text: string): string =>
  formC(text)
    .replaceAll(/\u0e4d([\u0e48-\u0e4b]?)\u0e32/g, '$1\u0e33')
    .replaceAll(/\u0ecd([\u0ec8-\u0ecb]?)\u0eb2/g, '$1\u0eb3');

/** As it is if it has endless marks, which may come from the removal of what was between them. */
const formC = (text: string): string => (ENDLESS_MARKS.test(text) ? text : text.normalize('NFC'));

// Ordinary texts need two: one pass that changes something, and one that finds nothing more.
const MAX_PASSES = 5;

/** Removes joiners, variation selectors and tags where they have no meaning. */
function withoutStrays(text: string): string {
  return text.replace(CONTEXTUAL, (run: string, at: number) => {
    // Looks only at the neighbours: searching a long text to its end at each match would take quadratic time.
    const before = Array.from(text.slice(Math.max(0, at - 6), at));
    const [first = ''] = run.slice(0, 2);
    if (JOINER.test(first)) {
      const base = before.findLast((character) => !VARIATION.test(character)) ?? '';
      const [after = ''] = text.slice(at + run.length, at + run.length + 2);
      if (VIRAMA.test(base)) return first;
      // The letter may carry vowel marks.
      const letter = before.findLast((character) => !/^[\p{M}\u200c\u200d]$/u.test(character)) ?? '';
      if (first === '\u200d' && /^\p{L}$/u.test(letter) && JOINING.test(letter)) return first;
      return JOINED.test(base) && JOINED.test(after) && !VARIATION.test(after) ? first : '';
    }
    const previous = before.at(-1) ?? '';
    if (VARIATION.test(first)) return SHOWS.test(previous) ? first : '';
    return previous === BLACK_FLAG ? run : '';
  });
}

/** Whether a string consists of text: no controls but tabs and line breaks, no lone surrogates, no noncharacters, no endless marks. */
export const isText = (given: string): boolean => !NOT_TEXT.test(given) && !ENDLESS_MARKS.test(given);

/** Whether any character of a text is visible. */
export const isVisible = (given: string): boolean => !INVISIBLE.test(given);

/** Line breaks according to Unicode (5.8), and tabs. */
const BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]/;

/** Whether a text is one line without tabs, as names, keys and tags must be. Bodies of interactions need not. */
export const isOneLine = (given: string): boolean => !BREAKS.test(given);

/** Turns a text into one line: each break, with the white space around it, becomes one blank. */
export const toOneLine = (given: string): string =>
  given.replaceAll(/[\s\u0085]+/g, (blanks) => (BREAKS.test(blanks) ? ' ' : blanks));

/** A key as it is stored: surrounding blanks are ignored, both when it is written and when it is looked up. */
export const readKey = (given: string): string => given.trim();

interface TextRules {
  /** Below `input`. */
  readonly path: readonly (string | number)[];
  readonly maxLength: number;
  readonly problems: Problems;
  /** Whether line breaks and tabs are allowed. */
  readonly isManyLines?: boolean;
  /** Whether the text has enough content; by default, one visible character is enough. */
  readonly isEnough?: (text: string) => boolean;
}

/** Counts code points, as MySQL's VARCHAR does, where JavaScript counts UTF-16 units. Makes no array, since a text may be long. */
export function countCharacters(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; count += 1) i += (text.codePointAt(i) ?? 0) > 0xffff ? 2 : 1;
  return count;
}

/**
 * Trims a text. Returns null and adds INVALID_INPUT if it is longer than `maxLength` characters, has too little content, contains
 * code points that are not text, or has several lines where one is expected. Invisible characters between others stay, since
 * combined emoji and Persian words need joiners.
 */
export function parseText(given: string, rules: TextRules): string | null {
  const { path, maxLength, problems, isManyLines = false, isEnough = isVisible } = rules;
  const text = readKey(given);
  if (!isManyLines && !isOneLine(text)) {
    problems.add('INVALID_INPUT', path, `Expected one line without tabs, got ${quoted(text)}.`);
    return null;
  }
  const length = countCharacters(text);
  const isWhole = isText(text);
  if (length >= 1 && length <= maxLength && isWhole && isEnough(text)) return text;
  const missing = isVisible(text) ? 'none that counts when names are compared' : 'none that is visible';
  const came = length === 0 ? 'none' : length > maxLength ? length : isWhole ? missing : 'ones that are not text';
  problems.add('INVALID_INPUT', path, `Expected 1 to ${maxLength} characters, got ${came}.`);
  return null;
}

/** Like `parseText`, for a text that may be null or omitted: null then. */
export const parseOptionalText = (given: Maybe<string>, rules: TextRules): string | null =>
  isGiven(given) ? parseText(given, rules) : null;
