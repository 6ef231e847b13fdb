import { caseOf, send, serve, settings } from './serve.ts';

// Bare node:http sending the same bytes: the cost of Node's HTTP server itself.
const { answers } = settings();
const bodies = new Map(Object.entries(answers).map(([name, text]) => [name, Buffer.from(text)]));

serve((request, response) => send(response, bodies.get(caseOf(request)) ?? Buffer.alloc(0)));
