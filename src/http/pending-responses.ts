import type { IncomingMessage, ServerResponse } from 'node:http';

/** How many bytes of memory headers take at most for each byte that has arrived: if they are many short ones. */
export const HEADER_WEIGHT = 5;

/** What the headers of a request take in memory, in bytes. */
export function headerBytes({ rawHeaders }: IncomingMessage): number {
  let characters = 0;
  for (const { length } of rawHeaders) characters += length;
  return characters * HEADER_WEIGHT;
}

/** The responses of a connection that have not been sent completely, in the order of their requests. */
export type PendingResponses = ReturnType<typeof createPendingResponses>;

/** @param onHeld called with the bytes that the headers of a request take until its response is complete, and then with the same below zero */
export function createPendingResponses(onHeld: (bytes: number) => void) {
  const pending = new Map<ServerResponse, number>();
  let newest: ServerResponse | undefined;
  let isClosing = false;
  const announceOnNewest = (): void => {
    if (newest?.headersSent === false) newest.setHeader('connection', 'close');
  };
  return {
    size: () => pending.size,
    isClosing: () => isClosing,
    all: () => pending.keys(),
    newest: () => newest,
    has: (response: ServerResponse) => pending.has(response),
    add(response: ServerResponse): void {
      const bytes = headerBytes(response.req);
      pending.set(response, bytes);
      if (isClosing && newest?.headersSent === false) newest.removeHeader('connection');
      newest = response;
      if (isClosing) announceOnNewest();
      onHeld(bytes);
    },
    remove(response: ServerResponse): void {
      onHeld(-(pending.get(response) ?? 0));
      pending.delete(response);
      if (pending.size === 0) newest = undefined;
    },
    /** The connection is closed. Node emits nothing for responses that are queued behind others, whose requests would go on. */
    closed(): void {
      for (const response of pending.keys()) if (response.socket === null) response.emit('close');
    },
    /** From now on, the last response tells the client that the connection will be closed: only that may say so. */
    announceClose: (): void => {
      isClosing = true;
      announceOnNewest();
    },
    /** What is held in this process because they are not complete. */
    heldBytes(): number {
      let sum = 0;
      // Requests that have not arrived completely are counted among others like them.
      for (const [{ writableLength, req }, ofHeaders] of pending)
        sum += writableLength + (req.complete ? ofHeaders : 0);
      return sum;
    },
    /**
     * Finds out whether a client that has finished sending still reads. To the server, closing a connection looks like closing one
     * half of it. But the system of a client that is gone refuses what is sent to it, the next time fails, and the connection is
     * closed. Every client must accept any number of these interim responses (RFC 9110, 15.2).
     */
    probe: (): void => {
      const [first] = pending.keys();
      if (first !== undefined && !first.headersSent && first.req.httpVersion === '1.1') first.writeContinue();
    },
  };
}
