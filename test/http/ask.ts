import { request } from 'node:http';

/** A response as it was sent, without decoding. */
export interface SentResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface AskOptions {
  readonly method?: string;
  /** The address of this machine that the request comes from. */
  readonly localAddress?: string;
  readonly body?: string;
}

/** Sends a request with exactly these headers, which fetch would add to, decode or refuse. */
export function ask(
  address: string,
  headers: Readonly<Record<string, string>> = {},
  { method = 'GET', body, ...options }: AskOptions = {},
): Promise<SentResponse> {
  return new Promise((resolve, reject) => {
    const sent = request(address, { ...options, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers as Record<string, string | undefined>,
          body: Buffer.concat(chunks),
        }),
      );
    });
    sent.on('error', reject).end(body);
  });
}
