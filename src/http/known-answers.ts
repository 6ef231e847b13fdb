import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TURNS } from '../turns.ts';
import { arrivedText, type Arrived, type KnownAnswer, type KnownRequests } from './known-requests.ts';
import type { Reading } from './reading.ts';

/** Answers the requests of a connection that need not be parsed. */
export interface KnownAnswers {
  /**
   * Answers what has arrived, if it is a known request. Returns whether it has; if not, it may do so later, and nothing is parsed
   * meanwhile.
   * @param isBehind whether something before it waits to be parsed
   */
  readonly answer: (bytes: Buffer, isBehind: boolean) => boolean;
  /** To be called when the headers of a request were parsed. */
  readonly begun: (request: IncomingMessage) => void;
  /** Whether a response is awaited, or still being sent. */
  readonly isBusy: () => boolean;
}

interface KnownAnswersOptions {
  /** Undefined when every request is parsed. */
  readonly known?: KnownRequests | undefined;
  /** Whose time it takes: see `Turns.charge`. */
  readonly network: string;
  readonly connection: string;
  readonly reading: () => Pick<Reading, 'stop' | 'goOn' | 'skip'>;
  /** Whether everything that has arrived was answered, and more may be. */
  readonly isBetweenRequests: () => boolean;
  /** Called when `isBusy` has changed. */
  readonly onBusy: (isBusy: boolean) => void;
}

export function createKnownAnswers(socket: Socket, options: KnownAnswersOptions): KnownAnswers {
  const { known, network, connection, reading, isBetweenRequests, onBusy } = options;
  if (known === undefined) return NO_KNOWN_ANSWERS;
  /** Node's parser gives up a connection on which it has seen no request for long. */
  let hasParsed = false;
  let arrived: Arrived | undefined;
  let isBusy = false;
  /** While it is busy, nothing is read, as Node does while a client does not read. */
  const setBusy = (is: boolean): void => {
    if (isBusy === is) return;
    isBusy = is;
    if (is) reading().stop(options);
    onBusy(is);
    if (!is) reading().goOn(options);
  };
  const send = ({ head, body, count }: KnownAnswer): void => {
    arrived = undefined;
    count();
    if (body === undefined) socket.write(head);
    else {
      socket.cork();
      socket.write(head);
      socket.write(body);
      socket.uncork();
    }
    if (socket.writableLength === 0) return setBusy(false);
    setBusy(true);
    socket.write('', () => setBusy(false));
    return undefined;
  };
  const sendLater = async (awaited: Promise<KnownAnswer | undefined>, bytes: number): Promise<void> => {
    setBusy(true);
    // Whoever looks at the request gets the same error, and says so.
    const found = await awaited.catch(() => undefined);
    if (found === undefined || !socket.writable) return setBusy(false);
    reading().skip(bytes);
    return send(found);
  };
  return {
    answer(bytes, isBehind) {
      arrived = undefined;
      if (isBehind || !isBetweenRequests() || TURNS.isTaken()) return false;
      TURNS.charge(network, connection);
      arrived = arrivedText(bytes);
      const found = arrived !== undefined && hasParsed ? known.answer(arrived, socket) : undefined;
      if (found === undefined) return false;
      if (found instanceof Promise) {
        void sendLater(found, bytes.length);
        return false;
      }
      send(found);
      return true;
    },
    begun(request) {
      hasParsed = true;
      if (arrived !== undefined) known.begun(request, arrived);
      arrived = undefined;
    },
    isBusy: () => isBusy,
  };
}

const NO_KNOWN_ANSWERS: KnownAnswers = {
  answer: () => false,
  begun: () => undefined,
  isBusy: () => false,
};
