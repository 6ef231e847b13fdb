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

// An error's message can contain values from a statement or a request, so only its type and stack are logged.
function describeError(error: unknown): object {
  if (!Error.isError(error)) return { type: typeof error };
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    type: error.name,
    ...('code' in error ? { code: error.code } : {}),
    at: frames.slice(0, 8).map((line) => line.trim()),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
