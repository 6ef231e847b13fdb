import { caseOf, send, serve, settings } from './serve.ts';

// Sends the gateway's response from memory: the cost of Node's HTTP server alone.
const { responses } = settings();
const bodies = new Map(Object.entries(responses).map(([name, text]) => [name, Buffer.from(text)]));

serve((request, response) => send(response, bodies.get(caseOf(request)) ?? Buffer.alloc(0)));
