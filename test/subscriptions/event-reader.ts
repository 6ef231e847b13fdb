import { orGiveUp, pause } from '../support/patience.ts';

/** An event of a stream, as in GraphQL over SSE. */
export interface StreamedEvent {
  readonly event: 'next' | 'complete';
  // Results have the shape of the subscription at hand, which each test knows.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any;
}

/** A subscription's stream, read event by event. */
export interface EventReader {
  readonly status: number;
  readonly headers: Headers;
  /** The next event; rejects when none comes, or the stream was cut. */
  next(): Promise<StreamedEvent>;
  /** Reads until an event is as expected, and returns all events read, this one last. */
  until(wanted: (event: StreamedEvent) => boolean): Promise<StreamedEvent[]>;
  /** Lets time pass without events; rejects if one comes. */
  silence(ms: number): Promise<void>;
  /** Resolves once the response has ended. */
  end(): Promise<void>;
  /** How many comments were received, as far as the stream was read. */
  readonly comments: number;
  /** Disconnects. */
  close(): void;
}

export interface Subscribing {
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: 'GET' | 'POST';
}

/** What most tests select of a customer. */
export const CHANGED = 'subscription($id: ID!) { customerChanged(id: $id) { id name company version updatedAt } }';

/** Subscribes over HTTP by `fetch`. */
export async function subscribe(
  url: string,
  query: string,
  { variables = {}, headers = {}, method = 'POST' }: Subscribing = {},
): Promise<EventReader> {
  const control = new AbortController();
  const parameters = new URLSearchParams({ query, variables: JSON.stringify(variables) });
  const response = await fetch(`${url}/graphql${method === 'GET' ? `?${parameters.toString()}` : ''}`, {
    method,
    signal: control.signal,
    headers: {
      accept: 'text/event-stream',
      ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(method === 'GET' ? {} : { body: JSON.stringify({ query, variables }) }),
  });
  let comments = 0;
  const events = eventsOf(response, () => (comments += 1));
  /** Every event so far, for the message of a test that waits in vain. */
  const came: StreamedEvent[] = [];
  /** Requested but not yet received: it becomes the next one. */
  let coming: Promise<IteratorResult<StreamedEvent, void>> | undefined;
  const next = async (): Promise<StreamedEvent> => {
    coming ??= events.next();
    const { done, value } = await orGiveUp('the next event', coming, () => came.slice(-3));
    coming = undefined;
    if (done === true) throw new Error('the stream has ended');
    came.push(value);
    return value;
  };
  return {
    status: response.status,
    headers: response.headers,
    next,
    async until(wanted) {
      const read: StreamedEvent[] = [];
      do read.push(await next());
      while (!read.slice(-1).every(wanted));
      return read;
    },
    get comments() {
      return comments;
    },
    async silence(ms) {
      coming ??= events.next();
      const heard = await Promise.race([coming, pause(ms)]);
      if (heard !== undefined) throw new Error(`expected no event, got ${JSON.stringify(heard.value)}`);
    },
    async end() {
      for (let done = false; !done; coming = undefined)
        done = (await orGiveUp('the end of the stream', coming ?? events.next())).done === true;
    },
    close() {
      coming?.catch(() => undefined);
      control.abort();
    },
  };
}

async function* eventsOf(response: Response, comment: () => void): AsyncGenerator<StreamedEvent, void, void> {
  let rest = '';
  for await (const text of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      if (block === ':') {
        comment();
        continue;
      }
      const lines = block.split('\n');
      const [event = '', data = ''] = ['event', 'data'].map((field) =>
        lines
          .find((line) => line.startsWith(`${field}:`))
          ?.slice(field.length + 1)
          .trim(),
      );
      if (event !== 'next' && event !== 'complete') throw new Error(`not an event of GraphQL over SSE: ${block}`);
      yield { event, data: data === '' ? undefined : JSON.parse(data) };
    }
  }
}
