type Pair = readonly [stored: string, asked: string, whyDifferent?: string];

/**
 * Two spellings of a text, by script: one that may be stored, and one that somebody may search for; and why they are two texts
 * if they are.
 */
export const PAIRS: Readonly<Record<string, readonly Pair[]>> = {
  Latin: [
    ['Müller', 'MULLER'],
    ['Amélie', 'Ame\u0301lie'],
    ['Ægir', 'Aegir'],
    ['Œuvre', 'Oeuvre'],
    ['Weiß', 'WEISS'],
    ['STRAẞE', 'strasse'],
    ['Søren', 'Soren'],
    ['Łódź', 'Lodz'],
    ['Đorđe', 'Dorde'],
    ['İstanbul', 'istanbul'],
    ['Işık', 'isik', 'ı and i are two letters'],
    ['Ångström', '\u212bngstro\u0308m'],
    ['ﬁnance', 'Finance'],
    ['Ａｄａ', 'Ada'],
    ['Ada', '\u200bA\u2060da\u200d'],
    ['Do\u00adnau', 'Donau'],
    ['naïve', 'naive'],
    ['Ñandú', 'nandu'],
    ['Şebnem', 'Sebnem'],
    ['ǅungla', 'džungla'],
    ['Ada', 'Eda', 'two names'],
  ],
  Greek: [
    ['Σίσυφος', 'ΣΙΣΥΦΟΣ'],
    ['Άννα', 'αννα'],
    ['Οδυσσεύς', 'οδυσσευσ'],
    ['ᾠδή', 'ωδη'],
    ['Ωmega', '\u2126mega'],
  ],
  Cyrillic: [
    ['Иванова', 'иванова'],
    ['Алёна', 'Алена'],
    ['Йосиф', 'И\u0306осиф'],
    ['Їжак', 'Іжак', 'ї and і are two letters'],
    ['Чайковский', 'ЧАЙКОВСКИЙ'],
    ['Ԩа', 'ԩа', 'the collation is older than this pair of letters'],
    ['ᲀода', 'вода', 'the collation is older than this form of the letter'],
  ],
  Armenian: [
    ['Արամ', 'ԱՐԱՄ'],
    ['և', 'եւ'],
  ],
  Georgian: [
    ['ნინო', 'ნინო\u200b'],
    ['ნინო', '\u1c9c\u1c98\u1c9c\u1c9d', 'the collation is older than the capitals of Georgian (Mtavruli)'],
  ],
  Cherokee: [
    ['ᏣᎳᎩ', '\u200bᏣᎳᎩ'],
    ['ᏣᎳᎩ', '\uab73\uab83\uab79', 'the collation is older than the small letters of Cherokee'],
  ],
  Adlam: [
    ['𞤆𞤵𞤤𞤢𞤪', '𞤆𞤵𞤤𞤢𞤪\u2060'],
    ['𞤆𞤵𞤤𞤢𞤪', '𞤨𞤵𞤤𞤢𞤪', 'the collation is older than Adlam'],
  ],
  Hebrew: [
    ['שָׁלוֹם', 'שלום'],
    ['יִצְחָק', 'יצחק'],
    ['\ufb2aלום', 'שלום'],
    ['\u202bדוד\u202c', 'דוד'],
  ],
  Arabic: [
    ['مُحَمَّد', 'محمد'],
    ['أحمد', 'ا\u0654حمد'],
    ['آدم', 'ا\u0653دم'],
    ['ﷺ', 'صلى الله عليه وسلم', 'of the words that a sign stands for, only the first eight characters count'],
    ['ﷺ', 'صلى الله'],
    ['ﷻ', 'جل جلاله'],
    ['ﻣﺤﻤﺪ', 'محمد'],
    ['محمـد', 'محمد', 'the stroke that stretches a word (tatweel) is kept, as it is visible, and counts'],
    ['می\u200cخواهم', 'میخواهم'],
    ['1447 ه\u200d', '1447 ه'],
    ['\u200fعلي', 'علي'],
  ],
  Devanagari: [
    ['क़लम', 'क\u093cलम'],
    ['क्\u200dष', 'क्ष'],
    ['हिन्दी', 'हिन्दि', 'a long vowel and a short one'],
  ],
  Bengali: [
    ['বাংলা', 'বাং\u200bলা'],
    ['ড়', 'ড\u09bc'],
  ],
  Tamil: [
    ['கொடி', 'க\u0bc6\u0bbeடி'],
    ['தமிழ்', '\ufeffதமிழ்'],
  ],
  Thai: [
    ['กำแพง', 'ก\u0e4dาแพง'],
    ['น้ำ', 'น\u0e4d\u0e49\u0e32'],
    ['ไทย', '\u200bไทย'],
  ],
  Lao: [['ນ້ຳ', 'ນ\u0ec9\u0ecd\u0eb2']],
  Kana: [
    ['ミュラー', 'ﾐｭﾗｰ'],
    ['ガラス', 'か\u3099らす'],
    ['ガ', 'か'],
    ['タグ', 'たぐ'],
    ['きゃく', 'きやく'],
    ['パン', 'ハ\u309aン'],
  ],
  Han: [
    ['张伟', '张\ufe00伟'],
    ['葛\u{e0100}城', '葛城'],
    ['豈', '\uf900'],
    ['张伟', '張偉', 'simplified and traditional characters are different ones'],
  ],
  Hangul: [
    ['한국', '\u1112\u1161\u11ab\u1100\u116e\u11a8'],
    ['각', '가\u11a8'],
    ['한', '\u314e\u314f\u3134', 'single letters are not a syllable'],
  ],
  Emoji: [
    ['❤\ufe0f', '❤'],
    ['👩\u200d💻', '👩💻'],
    ['👍🏽', '👍', 'the skin tone counts, and one is the start of the other'],
    ['🎁', '🚀', 'two different emoji'],
  ],
};
