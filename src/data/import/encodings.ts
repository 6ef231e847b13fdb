/** The upper halves of DOS code pages, which files still use but the Encoding Standard lacks. */
const CODE_PAGES: Readonly<Record<string, string>> = {
  cp437:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐' +
    '└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0',
  cp850:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐' +
    '└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0',
};

/** Decodes bytes chunk by chunk; invalid bytes become U+FFFD. */
interface Decoder {
  /** Its canonical name. */
  readonly encoding: string;
  decode(chunk?: Uint8Array, options?: { stream: boolean }): string;
}

/**
 * Creates a decoder.
 * @param label a name of the Encoding Standard, or of a code page, such as `cp850`
 * @returns undefined when there is no such encoding
 */
export function createDecoder(label: string): Decoder | undefined {
  const encoding = label.trim().toLowerCase();
  const upper = Object.hasOwn(CODE_PAGES, encoding) ? CODE_PAGES[encoding] : undefined;
  if (upper !== undefined) return { encoding, decode: (chunk) => decodeBytes(chunk, upper) };
  // It turns bytes into private characters, which no font shows.
  if (encoding === 'x-user-defined') return undefined;
  try {
    return new TextDecoder(label);
  } catch (error) {
    // By its code, since in tests a RangeError belongs to another realm.
    if ((error as { code?: unknown }).code === 'ERR_ENCODING_NOT_SUPPORTED') return undefined;
    throw error;
  }
}

function decodeBytes(chunk: Uint8Array | undefined, upper: string): string {
  const text = Buffer.from(chunk ?? []).toString('latin1');
  return text.replaceAll(/[\u0080-\u00ff]/g, (byte) => upper[byte.charCodeAt(0) - 128] ?? '');
}
