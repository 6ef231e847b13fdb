import type { Socket } from 'node:net';
import type { PendingResponses } from './pending-responses.ts';

/** What Node tells of a connection's bytes only here: those given to the operating system, and those that it has not taken yet. */
interface SocketHandle {
  readonly bytesWritten: number;
  readonly writeQueueSize: number;
}

/** Whether a client reads its responses. Node's own timer for a socket starts anew when the client sends something. */
export interface Unread {
  /** For how many milliseconds the client has read nothing of its responses, by `performance.now()`. To be called regularly. */
  unreadMs(now: number): number;
  /** Whether nothing is pending but responses that have ended and that the client does not read. */
  isUnread(): boolean;
  /** Whether a response that has ended is still being sent. */
  isSending(): boolean;
}

/** A client that has read nothing for so long does not read. */
const UNREAD_MS = 1_000;

/**
 * @param pending the responses on this connection that have not been sent completely
 * @param isBusyOtherwise whether one that Node knows nothing of has not been
 */
export function createUnread(
  socket: Socket,
  pending: Pick<PendingResponses, 'size' | 'all'>,
  isBusyOtherwise: () => boolean,
): Unread {
  let taken = 0;
  let sinceMs = 0;
  const unreadMs = (now: number): number => {
    // oxlint-disable-next-line no-underscore-dangle
    const handle = (socket as { readonly _handle?: SocketHandle | null })._handle;
    const takenNow = handle ? handle.bytesWritten - handle.writeQueueSize : 0;
    if (socket.writableLength === 0 || takenNow !== taken) {
      taken = takenNow;
      sinceMs = now;
    }
    return now - sinceMs;
  };
  return {
    unreadMs,
    isUnread: () =>
      (pending.size() > 0 || isBusyOtherwise()) &&
      unreadMs(performance.now()) >= UNREAD_MS &&
      pending.all().every((response) => response.writableEnded),
    isSending: () => isBusyOtherwise() || pending.all().some((response) => response.writableEnded),
  };
}
