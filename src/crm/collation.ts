import { isVisible } from './text.ts';

/**
 * The code points without a weight in utf8mb4_unicode_520_ci, which are ignored in comparing and sorting: marks of Latin,
 * Hebrew, Arabic and Indic scripts, joiners, controls. Queried from the servers, which agree; a test queries them again.
 */
const WEIGHTLESS =
  '0-8 e-1f 7f-84 86-9f 300-362 483-489 591-5bd 5bf 5c1-5c2 5c4-5c5 5c7 600-603 610-61a 64b-65e 670 6d6-6e4 6e7-6e8' +
  ' 6ea-6ed 70f 711 730-74a 7eb-7f3 818-819 81c-82d 900-903 93c 951-954 981-983 9bc a01-a03 a3c a70-a71 a81-a83 abc' +
  ' b01-b03 b3c b82 c01-c03 c82-c83 cbc d02-d03 d82-d83 e47-e4e ec8-ecd f18-f19 f35 f37 f39 f7e-f7f f82-f83 f86-f87' +
  ' fc6 1036-1038 108d 135f 17c6-17d1 17d3 17dd 180b-180d 1939-193b 1a74-1a7c 1a7f 1b00-1b04 1b34 1b6b-1b73' +
  ' 1b80-1b82 1c37 1cd0-1ce8 1ced 1cf2 1dc0-1dc9 1dcb-1dd1 1dfd-1dff 200b-200f 202a-202e 2060-2064 206a-206f' +
  ' 20d0-20f0 2cef-2cf1 302a-302f 3099-309a a66f-a672 a67c-a67d a6f0-a6f1 a80b a880-a881 a8e0-a8f1 a92b-a92d' +
  ' a980-a983 a9b3 aabf aac1 abec fb1e fc5e-fc63 fcf2-fcf4 fe00-fe0f fe20-fe26 fe70-fe74 fe76-fe7f feff ff9e-ff9f' +
  ' fff9-fffb 101fd 10a0d-10a0f 10a38-10a3a 11080-11082 110ba 110bd 1d165-1d169 1d16d-1d182 1d185-1d18b 1d1aa-1d1ad' +
  ' 1d242-1d244 e0001 e0020-e007f e0100-e01ef';

/** SQL for the weights of the parameter `?`. Names and tags with the same weights are equal to the database. */
export const WEIGHT_OF = 'HEX(WEIGHT_STRING(CAST(? AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_unicode_520_ci))';

/**
 * Ranges of capitals whose small letters have other weights. utf8mb4_unicode_520_ci is from 2009 (Unicode 5.2), and these pairs
 * were added later: those of Georgian, Cherokee, Osage, Adlam and others, and a few of Latin, Greek, Cyrillic and Coptic. A test
 * queries the server for them again.
 */
const CASED_APART =
  '37f 526-52e 10c7-10cd 13a0-13f5 1c89-1cbf 2c2f 2cf2 a660 a698-a69a a78d-a7f5 104b0-104d3 10570-10595 10c80-10cb2' +
  ' 10d50-10d65 118a0-118bf 16e40-16e5f 16ea0-16eb8 1e900-1e921';

const escaped = (code: string): string => `\\u{${code}}`;
/** The ranges in the form that a character class of a regular expression has. */
const classOf = (spans: string): string =>
  spans
    .split(' ')
    .map((span) => span.split('-').map(escaped).join('-'))
    .join('');
const WEIGHTLESS_TEXT = new RegExp(`^[${classOf(WEIGHTLESS)}]*$`, 'u');
const CASED_TOGETHER = new RegExp(`[^${classOf(CASED_APART)}]+`, 'gu');

/** Lower-cases the letters whose case the collation ignores: texts with equal results have equal weights. */
export const foldCase = (text: string): string => text.replaceAll(CASED_TOGETHER, (letters) => letters.toLowerCase());

/**
 * Whether the collation of names and tags distinguishes a text from the empty one. A text without weight equals it, and is a
 * prefix of every name.
 */
export const hasWeight = (text: string): boolean => !WEIGHTLESS_TEXT.test(text);

/**
 * Whether any character of a text is visible and has a weight. The collation also gives weights to soft hyphens, fillers and
 * some others, which nobody can see when searching for them.
 */
export const counts = (text: string): boolean =>
  Array.from(text).some((character) => isVisible(character) && hasWeight(character));
