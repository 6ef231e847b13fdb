/** The bytes of a request's body that has not arrived completely. */
export interface ReceivedBytes {
  /** Adds bytes. The oldest bodies are given up if all of them together are too large. */
  add(bytes: number): void;
  /** The body has arrived, or was given up. */
  release(): void;
}

/** The bodies that are being received. */
export interface BodyBuffer {
  /** @param giveUp called at most once, when other bodies need the memory */
  open(giveUp: () => void): ReceivedBytes;
}

/**
 * Bounds the memory for bodies that have not arrived completely: beyond `maxBytes`, those that began first are given up, since
 * the bodies of other clients arrive within milliseconds.
 */
export function createBodyBuffer(maxBytes: number): BodyBuffer {
  const open = new Map<ReceivedBytes, { bytes: number; readonly giveUp: () => void }>();
  let total = 0;
  return {
    open(giveUp) {
      const own = { bytes: 0, giveUp };
      const received: ReceivedBytes = {
        add(bytes) {
          if (!open.has(received)) return;
          own.bytes += bytes;
          total += bytes;
          for (const [oldest, { giveUp: giveUpOldest }] of open) {
            if (total <= maxBytes) break;
            oldest.release();
            giveUpOldest();
          }
        },
        release() {
          if (open.delete(received)) total -= own.bytes;
        },
      };
      open.set(received, own);
      return received;
    },
  };
}
