import { Redis } from 'ioredis';
import { caseOf, send, serve, settings } from './serve.ts';

// Sends the gateway's response from Redis, with one GET: the minimum cost of a cached response.
const { responses, redisUrl } = settings();
// Not the gateway's database number, which is flushed between rounds.
const redis = new Redis(redisUrl, { db: 1 });
for (const [name, text] of Object.entries(responses)) await redis.set(`bench:${name}`, text);

serve((request, response) => {
  void redis.getBuffer(`bench:${caseOf(request)}`).then((body) => send(response, body ?? Buffer.alloc(0)));
});
