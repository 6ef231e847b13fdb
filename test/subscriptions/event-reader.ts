/** An event of a stream, as GraphQL over SSE has them. */
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
  /** The next event; rejects when none comes in time, or the stream was cut. */
  next(withinMs?: number): Promise<StreamedEvent>;
  /** Reads until an event is as wanted and gives all that came, this one last. */
  until(wanted: (event: StreamedEvent) => boolean, withinMs?: number): Promise<StreamedEvent[]>;
  /** Resolves once the bytes have ended. */
  end(): Promise<void>;
  /** How many comments came so far, as far as it was read. */
  readonly comments: number;
  /** Goes away. */
  close(): void;
}

export interface Subscribing {
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: 'GET' | 'POST';
}

/** The whole of what a stream shows of a customer in most tests. */
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
  /** Asked for and not come in time: it is the next one all the same. */
  let coming: Promise<IteratorResult<StreamedEvent, void>> | undefined;
  const next = async (withinMs = 5_000): Promise<StreamedEvent> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no event within ${withinMs} ms`)), withinMs);
    });
    coming ??= events.next();
    try {
      const { done, value } = await Promise.race([coming, late]);
      coming = undefined;
      if (done === true) throw new Error('the stream has ended');
      return value;
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    status: response.status,
    headers: response.headers,
    next,
    async until(wanted, withinMs) {
      const came: StreamedEvent[] = [];
      do came.push(await next(withinMs));
      while (!came.slice(-1).every(wanted));
      return came;
    },
    get comments() {
      return comments;
    },
    async end() {
      for (let done = false; !done; coming = undefined) done = (await (coming ?? events.next())).done === true;
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
