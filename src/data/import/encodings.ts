/** The upper halves of code pages of DOS, in which files still come; the Encoding Standard has none of them. */
const CODE_PAGES: Readonly<Record<string, string>> = {
  cp437:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐' +
    '└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0',
  cp850:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐' +
    '└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0',
};

/** Reads bytes as text, one chunk after the other; what is none becomes U+FFFD. */
interface Decoder {
  /** Its name, whatever other name of it was given. */
  readonly encoding: string;
  decode(chunk?: Uint8Array, options?: { stream: boolean }): string;
}

/**
 * Makes a decoder.
 * @param label a name of the Encoding Standard, or of a code page: `cp850`
 * @returns undefined when there is no such encoding
 */
export function createDecoder(label: string): Decoder | undefined {
  const encoding = label.trim().toLowerCase();
  const upper = Object.hasOwn(CODE_PAGES, encoding) ? CODE_PAGES[encoding] : undefined;
  if (upper !== undefined) return { encoding, decode: (chunk) => decodeBytes(chunk, upper) };
  try {
    return new TextDecoder(label);
  } catch (error) {
    // By its code: in tests a RangeError is another realm's.
    if ((error as { code?: unknown }).code === 'ERR_ENCODING_NOT_SUPPORTED') return undefined;
    throw error;
  }
}

function decodeBytes(chunk: Uint8Array | undefined, upper: string): string {
  const text = Buffer.from(chunk ?? []).toString('latin1');
  return text.replaceAll(/[\u0080-\u00ff]/g, (byte) => upper[byte.charCodeAt(0) - 128] ?? '');
}
