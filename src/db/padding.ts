/**
 * Pads keys to a power of two by repeating the last, which reads no extra rows. Statements are prepared and kept by their text, and
 * this keeps the number of texts small.
 */
export function paddedKeys(keys: readonly string[]): readonly string[] {
  const last = keys.at(-1);
  if (last === undefined) return keys;
  const length = 2 ** Math.ceil(Math.log2(keys.length));
  return [...keys, ...Array.from({ length: length - keys.length }, () => last)];
}
