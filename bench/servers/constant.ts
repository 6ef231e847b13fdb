import { send, serveBodies, settings } from './serve.ts';

// Sends the gateway's response from memory: the cost of Node's HTTP server alone.
const { responses } = settings();
const bodies = new Map<string, Buffer>(Object.entries(responses).map(([name, text]) => [name, Buffer.from(text)]));

serveBodies((name, _body, response) => send(response, bodies.get(name) ?? Buffer.alloc(0)));
