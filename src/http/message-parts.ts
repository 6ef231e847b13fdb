/** How much is parsed before it is looked whether to go on: more than most headers have. */
const PART_BYTES = 2_048;
const NOTHING: Buffer = Buffer.alloc(0);
/** Ends headers, and bodies in chunks. */
const END = '\r\n\r\n';

/** Divides what arrives, so that no part has bytes of two requests. */
export interface MessageParts {
  /** The first part of what has arrived, which must not be empty. The next call is for what follows it. */
  next(arrived: Buffer): Buffer;
  /** The headers of a request have been parsed, and said that its body has this length; NaN if they did not say it. */
  begun(bodyBytes: number): void;
}

/**
 * Node's parser loses what it is given together with the end of a request that has the header `Upgrade`. And whoever looks between
 * the parts whether to go on can stop after each request.
 */
export function createMessageParts(): MessageParts {
  let bodyBytes = 0;
  /** The last three bytes, in case that an end is divided. */
  let tail = NOTHING;
  const endOf = (arrived: Buffer): number => {
    if (tail.length > 0) {
      const found = Buffer.concat([tail, arrived.subarray(0, END.length - 1)]).indexOf(END, 0, 'latin1');
      if (found !== -1) return found + END.length - tail.length;
    }
    const found = arrived.subarray(0, PART_BYTES).indexOf(END, 0, 'latin1');
    return found === -1 ? -1 : found + END.length;
  };
  return {
    next(arrived) {
      if (bodyBytes > 0) {
        const part = arrived.subarray(0, bodyBytes);
        bodyBytes -= part.length;
        return part;
      }
      const end = endOf(arrived);
      const part = arrived.subarray(0, end === -1 ? PART_BYTES : end);
      tail = end === -1 ? Buffer.concat([tail, part]).subarray(1 - END.length) : NOTHING;
      return part;
    },
    begun(length) {
      bodyBytes = Number.isNaN(length) ? 0 : length;
    },
  };
}
