import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { makeApiKey } from '../../src/access/api-key.ts';
import { AUDIENCE, inSeconds, ISSUER } from '../access/tokens.ts';
import { pause } from '../support/patience.ts';

/** What an attack may use. */
export interface Attacker {
  /** Opens a connection to the gateway. */
  readonly open: () => Socket;
  /** A number below a million, most likely another one each time. */
  readonly random: () => number;
  /** The id of a customer. */
  readonly customerId: string;
  /** Gives requests the attacker's token, if it has one. */
  readonly signed: (requests: string) => string;
}

/** Does harm for a few seconds, and closes its connections. */
export type Attack = (attacker: Attacker) => Promise<void>;

export const HEAD = 'HTTP/1.1\r\nHost: localhost\r\n';
const get = (query: string, accept = 'application/json'): string =>
  `GET /graphql?query=${encodeURIComponent(query)} ${HEAD}Accept: ${accept}\r\n\r\n`;
const post = (body: string, headers = ''): string =>
  `POST /graphql ${HEAD}Content-Type: application/json\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const ask = (query: string, variables: object = {}): string => post(JSON.stringify({ query, variables }));

const LARGE =
  '{ customers(first: 100) { nodes { name email company tags orders(first: 40) { nodes { number status placedAt total { amount currency } } } } } }';
const many = (count: number, one: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => one(i)).join(' ');
const pipelined = (count: number, one: () => string): string => Array.from({ length: count }, one).join('');

/** Whether a server has closed the connection. */
const isOpen = (socket: Socket): boolean => !socket.destroyed && socket.readyState !== 'closed';

/** A body in chunks of a byte. */
const chunked = (start: string): string =>
  `${start} ${HEAD}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\n \r\n'.repeat(40_000)}0\r\n\r\n`;

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
/** A token like those of the issuer, but for its signature. */
const forgedToken = (): string =>
  [
    base64url({ alg: 'HS256' }),
    base64url({ iss: ISSUER, aud: AUDIENCE, exp: inSeconds(3_600), sub: 'mallory', scope: 'crm:read crm:pii' }),
    randomBytes(32).toString('base64url'),
  ].join('.');
/** A cheap query with credentials of its own, before which no others are put. */
const askAs = (credentials: string): string =>
  `GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nAuthorization: Bearer ${credentials}\r\nHost: localhost\r\n\r\n`;

/** Writes something at once, and does not read for a while. */
const deaf =
  (text: (attacker: Attacker) => string, ms = 2_000): Attack =>
  async (attacker) => {
    const socket = attacker.open().pause();
    socket.write(attacker.signed(text(attacker)));
    await pause(ms);
    socket.destroy();
  };

/** Writes something, and reads everything that comes back, for a while at most. */
const reading =
  (text: (attacker: Attacker) => string, ms = 1_000): Attack =>
  async (attacker) => {
    const socket = attacker.open().resume();
    socket.write(attacker.signed(text(attacker)));
    await pause(ms);
    socket.destroy();
  };

/** Sends something byte by byte. */
const slow =
  (text: string): Attack =>
  async (attacker) => {
    const socket = attacker.open().resume();
    for (const byte of attacker.signed(text)) {
      if (!isOpen(socket)) break;
      socket.write(byte);
      await pause(50);
    }
    socket.destroy();
  };

const subscribe = ({ customerId }: Attacker): string =>
  post(
    JSON.stringify({
      query: 'subscription($id: ID!) { customerChanged(id: $id) { name company } }',
      variables: { id: customerId },
    }),
    'Accept: text/event-stream\r\n',
  );
const WRITES = reading(({ customerId, random }) =>
  pipelined(20, () =>
    ask('mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }', {
      input: { id: customerId, company: `Company ${random()}` },
    }),
  ),
);

/** Those that mean nothing to a gateway that takes no tokens. */
export const CREDENTIAL_ATTACKS: Readonly<Record<string, Attack>> = {
  'tokens that are refused': reading(() => pipelined(100, () => askAs(forgedToken()))),
  'API keys that nobody has': reading(() => pipelined(100, () => askAs(makeApiKey()))),
};

/** By their names. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  'hundreds of pages that nobody reads': deaf(() => `GET /graphql ${HEAD}Accept: text/html\r\n\r\n`.repeat(400)),
  'large responses that nobody reads': deaf(() => get(LARGE).repeat(50)),
  'large responses, again and again': reading(() => get(LARGE).repeat(20)),
  'large responses that differ': reading(({ random }) => ask(`{ a${random()}: ${LARGE.slice(1)}`).repeat(5)),
  'headers byte by byte': slow(`GET /graphql ${HEAD}`),
  'a body byte by byte': slow(post('{"query":"{ __typename }"}').slice(0, -1).slice(-60)),
  'documents that are sent once': reading(({ random }) =>
    pipelined(40, () => ask(`{ ${many(40, (i) => `a${random()}x${i}: __typename`)} }`)),
  ),
  'documents with thousands of errors': reading(({ random }) =>
    ask(`{ ${many(1_900, (i) => `x${random()}${i}`)} }`).repeat(3),
  ),
  'documents that are too complex': reading(({ customerId }) =>
    ask(
      `{ ${many(40, (i) => `a${i}: node(id: "${customerId}") { ...F }`)} } fragment F on Node { ${many(10, (i) => `f${i}: id`)} }`,
    ).repeat(10),
  ),
  'garbage after requests': reading(({ random }) => `${get('{ __typename }').repeat(20)}${random()}\r\n\r\n`),
  'half-closed connections': async (attacker) => {
    const socket = attacker.open().resume();
    socket.end(attacker.signed(ask('{ customers(first: 5) { nodes { name } } }').repeat(20)));
    await pause(500);
    socket.destroy();
  },
  'connections that are opened and reset': async (attacker) => {
    for (let i = 0; i < 50; i += 1) {
      const socket = attacker.open();
      socket.write(attacker.signed(get('{ customers(first: 5) { nodes { name } } }')));
      await pause(10);
      socket.resetAndDestroy();
    }
  },
  'idle connections': async (attacker) => {
    const sockets = Array.from({ length: 20 }, () => attacker.open());
    await pause(2_000);
    for (const socket of sockets) socket.destroy();
  },
  'bodies that are too large': reading(() => post('x'.repeat(5_000_000))),
  'bodies of nothing but brackets': reading(() => post('['.repeat(250_000)).repeat(3)),
  'variables with thousands of names': reading(({ random }) =>
    ask(
      'query($a: Int) { agents(first: $a) { nodes { id } } }',
      Object.fromEntries(Array.from({ length: 15_000 }, (_, i) => [`v${random()}${i}`, i])),
    ),
  ),
  'texts of endless marks': reading(({ random }) =>
    ask('query($text: String!) { searchCustomers(text: $text) { nodes { id } } }', {
      text: `${random()}${'\u0315\u0316'.repeat(60_000)}`,
    }),
  ),
  'bodies of one-byte chunks': reading(() => chunked('POST /graphql')),
  'bodies for other paths and methods': reading(() =>
    ['POST /elsewhere', 'PUT /graphql', 'POST /health/live'].map(chunked).join(''),
  ),
  'a thousand requests at once': reading(() => get('{ agents(first: 5) { nodes { name } } }').repeat(1_000), 2_000),
  'requests that are given up': async (attacker) => {
    const socket = attacker.open();
    socket.write(attacker.signed(ask(LARGE).repeat(20)));
    await pause(100);
    socket.resetAndDestroy();
  },
  'subscriptions that nobody reads': deaf(subscribe),
  'subscriptions under writes': async (attacker) => {
    const sockets = Array.from({ length: 10 }, () => attacker.open().resume());
    for (const socket of sockets) socket.write(attacker.signed(subscribe(attacker)));
    await WRITES(attacker);
    for (const socket of sockets) socket.destroy();
  },
  'writes of one customer': WRITES,
  ...CREDENTIAL_ATTACKS,
  'floods of headers': reading(() => `GET /health/live ${HEAD}${'x: y\r\n'.repeat(5_000)}\r\n`),
  'metrics and health, again and again': reading(() =>
    `GET /metrics ${HEAD}\r\nGET /health/ready ${HEAD}\r\n`.repeat(500),
  ),
  'introspection that differs': reading(({ random }) =>
    ask(
      `{ a${random()}: __schema { types { name fields { name type { name ofType { name } } args { name } } } } }`,
    ).repeat(3),
  ),
};

/** Connects from an address of this machine, so that a gateway tells attackers from others. */
export function openFrom(localAddress: string, port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  // The gateway may close the connection at any time.
  socket.on('error', () => socket.destroy());
  return socket;
}
