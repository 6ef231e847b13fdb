import { pino, type Logger, type LoggerOptions } from 'pino';
import pretty from 'pino-pretty';

export type Log = Logger;

/**
 * Structured logs, one JSON object per line. They contain nothing about customers: callers log codes, internal names and ids.
 * @param options.readable human-readable lines instead, for a terminal
 */
export function createLog(options: { level: string; readable: boolean; destination: NodeJS.WritableStream }): Log {
  const settings: LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    serializers: { err: describeError },
  };
  if (!options.readable) return pino(settings, options.destination);
  return pino(settings, pretty({ destination: options.destination, translateTime: 'HH:MM:ss', sync: true }));
}

/** The properties that describe the kind of an error, and never contain data. */
const KINDS: ReadonlySet<string> = new Set(['code', 'errno', 'sqlState', 'kind', 'originalCode']);

// An error's message can contain values from a statement or a request, so only its type and stack are logged.
function describeError(error: unknown): object {
  // The cause of an error by Prisma's driver adapter is a plain object.
  if (typeof error !== 'object' || error === null) return { type: typeof error };
  const kinds = Object.entries(error).filter(
    ([name, value]) => KINDS.has(name) && (typeof value === 'string' || typeof value === 'number'),
  );
  const frames = Error.isError(error) ? framesOf(error) : [];
  return {
    type: Error.isError(error) ? error.name : 'object',
    ...Object.fromEntries(kinds),
    ...redisKind(error),
    ...(frames.length === 0 ? {} : { at: frames.slice(0, 8).map((line) => line.trim()) }),
    ...(!('cause' in error) || error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

/** As V8 writes them: with a place in a file, or in nothing that has one. */
const FRAME = /^\s+at .*(?::\d+:\d+\)?|<anonymous>\)?|\(index \d+\)|\(native\))$/;

/**
 * The lines of the stack that are no part of the message, which the stack begins with: a line of the message can look like one of them.
 * None of an error whose message was changed after the stack was made, because then nothing tells where it ends.
 */
function framesOf({ message, stack }: { readonly message: unknown; readonly stack?: unknown }): string[] {
  if (typeof message !== 'string' || typeof stack !== 'string' || !stack.includes(message)) return [];
  const lines = stack.split('\n').slice(message.split('\n').length);
  return lines.filter((line) => FRAME.test(line));
}

/** The first word of a Redis error's message is its kind; the rest may contain arguments of the command. */
function redisKind(error: object): object {
  if (!Error.isError(error) || error.name !== 'ReplyError') return {};
  const command = 'command' in error ? (error.command as { readonly name?: unknown } | undefined)?.name : undefined;
  return { code: /^[A-Z]+/.exec(error.message)?.[0], command };
}
