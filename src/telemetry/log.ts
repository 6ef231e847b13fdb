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

/** What tells the kind of an error and holds no values: names, codes and numbers. */
const KINDS: ReadonlySet<string> = new Set(['code', 'errno', 'sqlState', 'kind', 'originalCode']);

// An error's message can contain values from a statement or a request, so only its type and stack are logged.
function describeError(error: unknown): object {
  // Prisma's driver adapter has a plain object for a cause.
  if (typeof error !== 'object' || error === null) return { type: typeof error };
  const kinds = Object.entries(error).filter(
    ([name, value]) => KINDS.has(name) && (typeof value === 'string' || typeof value === 'number'),
  );
  const frames = Error.isError(error) ? (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) : [];
  return {
    type: Error.isError(error) ? error.name : 'object',
    ...Object.fromEntries(kinds),
    ...redisKind(error),
    ...(frames.length === 0 ? {} : { at: frames.slice(0, 8).map((line) => line.trim()) }),
    ...(!('cause' in error) || error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

/** Redis tells the kind of an error in the first word of its message; the rest may hold what the command had. */
function redisKind(error: object): object {
  if (!Error.isError(error) || error.name !== 'ReplyError') return {};
  const command = 'command' in error ? (error.command as { readonly name?: unknown } | undefined)?.name : undefined;
  return { code: /^[A-Z]+/.exec(error.message)?.[0], command };
}
